/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a run of the tool waiting for a file system, since when, and at what? A thread that waits for
 * a server is not scheduled until the answer comes, and stands in a system call that asks a file
 * system, or in a page fault; one that works, however slowly, is scheduled again and again.
 */
#ifndef ENGINE_STANDSTILL_H
#define ENGINE_STANDSTILL_H

#include <sys/types.h>

#include "base/arena.h"

/* A thread that has not been scheduled since. */
struct idler {
	pid_t pid, tid;
	uint64_t switches, since; /* monotonic_ns() */
};

struct standstill {
	pid_t root;
	bool children; /* look at its children and theirs, too, while they are the tool's */
	struct arena arena;
	struct idler *idlers; /* by tid */
	size_t n;
};

/* To be called every now and then. What stands still for so long (nanoseconds), or NULL. */
const struct idler *standstill_look(struct standstill *w, uint64_t patience);
/* "open(2) of NAME", and the name of the file or NULL. In the arena, until the next look. */
const char *standstill_tell(struct standstill *w, const struct idler *idler, const char **ret_file);
/* Does nobody of the process run any more, but those that can't end before they have an answer? */
bool standstill_is_over(pid_t pid);
void standstill_end(struct standstill *w);

#endif
