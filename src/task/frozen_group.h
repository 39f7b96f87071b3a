/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task whose cgroup somebody has frozen (docker pause, systemctl freeze) runs no step of an
 * agent, and one of the v1 freezer does not even stop for ptrace. It is told before it is touched.
 */
#ifndef TASK_FROZEN_GROUP_H
#define TASK_FROZEN_GROUP_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* 0, or a refusal that names the group; also 0 where groups can't be looked into. */
int frozen_group_check(pid_t pid, struct err *err);
/* Where the v1 hierarchy with this controller, or (NULL) that of v2, is mounted. */
bool cgroup_find_mount(const char *controller, char *ret, size_t size);
/* In a list with commas, as of controllers. */
bool cgroup_has_word(const char *list, const char *word);
/* Whether there are groups of the v1 freezer at all, besides the one that can't be frozen. */
bool frozen_group_v1_exists(void);

#endif
