/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree that is looked at and not stopped (check -t). It has the shape of a frozen one, but no
 * thread is held, registers and masks are not known, and what it shows may have changed already:
 * processes come and go while it is made, and afterwards.
 */
#ifndef TASK_OBSERVE_H
#define TASK_OBSERVE_H

#include "task/tree.h"

/* -ESRCH (ERR_NO_SUCH_TASK): there is no such process, or it has ended. Ended by tree_release(),
 * which changes nothing. */
int tree_observe(struct tree_stop *tree, pid_t root, struct arena *arena, struct err *err);
/* Appends descendants that have come since. How many. */
size_t tree_observe_again(struct tree_stop *tree);

#endif
