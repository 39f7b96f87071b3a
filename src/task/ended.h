/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TASK_ENDED_H
#define TASK_ENDED_H

#include "task/tree.h"

/* When all of the tree are held: those that were killed meanwhile become zombies, or leave it, and
 * so do children that are not in it any more. If there were any (*ret_ended), others may have come
 * to a parent whose children were read before. */
int tree_drop_ended(struct tree_stop *tree, size_t *ret_ended, struct err *err);

#endif
