/* SPDX-License-Identifier: Apache-2.0 */
/* A tree whose freezer group stands (cgroup_freeze.h) is seized whole before it is thawed. */
#ifndef TASK_FREEZE_GROUP_H
#define TASK_FREEZE_GROUP_H

#include "task/tree.h"

#define SEIZE_OPTIONS PTRACE_O_TRACESYSGOOD

/* Freezes tree->group by the path, seizes all threads of the tree with interrupts pending
 * (early.h), and thaws it. What could not be seized is left to the ordinary way, which says why. */
int group_seize(struct tree_stop *tree, pid_t root, const char *path, struct err *err);

#endif
