/* SPDX-License-Identifier: Apache-2.0 */
/* Stops of restored children that their parents had been told of before the dump. */
#ifndef ENGINE_TOLD_H
#define ENGINE_TOLD_H

#include "model/restore.h"
#include "task/infect.h"

/*
 * v is a visit to a held task, with its foothold in place (visit_place_stub); all children that are
 * to be stopped are. Takes from the task what it had taken: the reports of stops, and the SIGCHLD
 * that comes with each. Afterwards it stands in a trap stop, with registers and mask as before.
 */
int told_take(struct restore_task *t, struct tree_stop *tree, struct visit *v, struct err *err);

#endif
