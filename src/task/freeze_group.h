/* SPDX-License-Identifier: Apache-2.0 */
/* A tree whose freezer group stands (cgroup_freeze.h) is seized whole before it is thawed. */
#ifndef TASK_FREEZE_GROUP_H
#define TASK_FREEZE_GROUP_H

#include "task/tree.h"

#define SEIZE_OPTIONS PTRACE_O_TRACESYSGOOD

/* Freezes tree->group by the path, seizes all threads of the tree with interrupts pending, and
 * thaws it. What could not be seized is left to the ordinary way, which says why. */
int group_seize(struct tree_stop *tree, pid_t root, const char *path, struct err *err);
/* Whether group_seize() has this thread; it is the caller's from here on. */
bool group_adopt(struct tree_stop *tree, pid_t tid);
/* Lets go of those that nobody has adopted: they ended, or the freezing has failed. */
void group_abandon(struct tree_stop *tree);

#endif
