/* SPDX-License-Identifier: Apache-2.0 */
/* Bringing a new ring to the counts of an old one. */
#ifndef OBJECTS_URING_URING_DRIVE_H
#define OBJECTS_URING_URING_DRIVE_H

#include "objects/uring/uring.h"

struct drive {
	int fd;
	struct uring_memory m;
	bool polled; /* by a thread of the kernel's */
};

/* All return 0 or -errno. First, for each group of buffers: registered, and as many given out. */
int uring_give_out(struct restore_task *t, const struct drive *v, const CrtoolsUringGroup *g);
/* And what is in groups of the older kind. */
int uring_provide(const struct drive *v, const CrtoolsUring *e);
/* Then the rest of the counts, less the requests that wait; and the contents. */
int uring_drive(const struct drive *v, const CrtoolsUring *e);
void uring_fill(const struct drive *v, const CrtoolsUring *e);

#endif
