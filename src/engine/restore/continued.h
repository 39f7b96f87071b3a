/* SPDX-License-Identifier: Apache-2.0 */
/* Restored tasks that went on after a stop, of which wait(2) has not told their parents yet. */
#ifndef ENGINE_CONTINUED_H
#define ENGINE_CONTINUED_H

#include <stdbool.h>

#include "model/restore.h"
#include "task/tree.h"

bool continued_untold(const struct restore_task *t);

/* All threads are held, at traps, with all signals blocked. They are stopped and continued; on
 * return they stand at traps again, with registers and masks as before. */
int continued_again(const struct proc_stop *p, const struct tree_stop *tree, struct err *err);

#endif
