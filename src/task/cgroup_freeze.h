/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --freeze-cgroup: a freezer group (cgroup v1,
 * Documentation/admin-guide/cgroup-v1/freezer-subsystem) or a cgroup (v2, cgroup.freeze) that holds
 * the tree, and stops all of it at one instant. The state that it had is kept: who was frozen is
 * frozen again when the tool has done its work.
 */
#ifndef TASK_CGROUP_FREEZE_H
#define TASK_CGROUP_FREEZE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/journal.h"

struct cgroup_freeze {
	const char *path;
	int dir; /* -1: not open */
	bool v1;
	bool was_frozen; /* before we came */
	bool frozen;	 /* by us, or still */
};

#define CGROUP_FREEZE_NONE                                                                         \
	{                                                                                          \
		.dir = -1                                                                          \
	}

/* Freezes and waits until everything in it stands; timeout in seconds, 0: none. On failure it is as
 * it was, and closed. The journal gets a line first: a killed tool leaves no frozen tree. */
int cgroup_freeze(struct cgroup_freeze *g, const char *path, unsigned int timeout,
		  struct journal *journal, struct err *err);
int cgroup_thaw(struct cgroup_freeze *g, struct err *err);
/* Makes it what it was, and closes it. Nothing happens for one that is not open. */
void cgroup_freeze_end(struct cgroup_freeze *g);

/* For clean: sets the state by the path; 1 when it is so already. */
int cgroup_freeze_set(const char *path, bool frozen);

#endif
