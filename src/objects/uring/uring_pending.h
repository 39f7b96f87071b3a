/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait, in the kernel's memory: finding them (uring_pending.c), and what of its entry
 * each kind still has (uring_kinds.c). */
#ifndef OBJECTS_URING_URING_PENDING_H
#define OBJECTS_URING_URING_PENDING_H

#include <string.h>

#include "objects/uring/uring_kernel.h"

struct looking {
	struct uring_kernel *k;
	struct uring_out *u;
	uint64_t ring;		    /* the kernel's struct io_ring_ctx */
	unsigned char *req, *async; /* the request that is looked at */
	bool begun;		    /* it waits; else it is linked to one that does */
	uint64_t submitter;	    /* a task_struct */
	const struct dump_task
		*by; /* its process; NULL: a thread of the kernel's has submitted it */
	struct uring_pending *found;
	uint64_t task, *fds; /* of the task seen last: its open files */
	uint32_t n_fds;
};

static inline uint64_t looking_get(const struct looking *l, const unsigned char *from,
				   enum uring_place place, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, from + l->k->at[place], size);
	return value;
}

static inline bool looking_has(const struct looking *l, enum uring_place place)
{
	return l->k->at[place] >= 0;
}

/* The descriptor that its process has of the request's file; -1: none. `given`: which it may be. */
int looking_descriptor(struct looking *l, int32_t given);
/* Fills an entry whose opcode, flags, descriptor and user_data are known. NULL, or why it can't be
 * given again: "has …". */
const char *uring_kind_take(struct looking *l, struct io_uring_sqe *sqe, CrtoolsUringRequest *r);

#endif
