/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads whose files in /proc need not be read for children: one of many threads mostly has none,
 * and of those that are held the kernel's memory says so.
 */
#ifndef TASK_CHILDLESS_H
#define TASK_CHILDLESS_H

#include "task/tree.h"

/* Looks at all threads that are held, if that is worth it. What is known holds for the pass over
 * the tree that begins. */
void childless_find(struct tree_stop *tree);
/* false: not known. */
bool is_childless(const struct tree_stop *tree, pid_t tid);
void childless_forget(struct tree_stop *tree);

#endif
