/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that are seized, and asked to stop, before the freeze comes to them: in a frozen group
 * (freeze_group.c), or by a freeze that failed and could not let go of them, since only a thread
 * that stands can be detached from (hold.c).
 */
#ifndef TASK_EARLY_H
#define TASK_EARLY_H

#include "task/tree.h"

void early_note(struct tree_stop *tree, pid_t tid);
/* Whether the thread is one of them; it is the caller's from here on. */
bool early_adopt(struct tree_stop *tree, pid_t tid);
/* Lets go of those that nobody has adopted; what does not stand within a second stays noted. */
void early_abandon(struct tree_stop *tree);
/* From one attempt to freeze a tree to the next. */
void early_take_over(struct tree_stop *tree, const struct tree_stop *from);
void early_free(struct tree_stop *tree);

#endif
