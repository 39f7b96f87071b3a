/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a restore: the tool leaves the tasks. */
#ifndef ENGINE_LEAVE_H
#define ENGINE_LEAVE_H

#include "model/restore.h"

/* The signal by which a task is to be stopped as it goes on (0: it runs), and what a thread of it
 * blocks from then on. */
int leave_stop_signal(const struct restore_task *t);
uint64_t leave_mask(const struct restore_task *t, size_t i);

struct leaving;
/* Before the point of no return, all threads held: everything that may fail. */
int leave_prepare(struct restore *r, struct leaving **ret_all, size_t *ret_n);
/* After it. What goes wrong with a task is told, and that task goes on by itself. */
void leave_tree(struct leaving *all, size_t n);

#endif
