/* SPDX-License-Identifier: Apache-2.0 */
/* What the files about AIO contexts share. */
#ifndef OBJECTS_MEMORY_AIO_H
#define OBJECTS_MEMORY_AIO_H

#include "model/dump.h"
#include "model/restore.h"

/* --- aio_kernel.c: a context as the kernel has it (struct kioctx of fs/aio.c) --------------------
 */

/* Of the task's context with that id; 0 or -errno: -ESRCH says that the task has none, others that
 * the kernel's memory can't be read. */
int aio_find(struct dump_task *t, uint64_t id, uint64_t *ret_context);
/* How many of its requests have not ended; 0 or -errno. */
int aio_under_way(struct dump *d, uint64_t context, uint32_t *ret);
/* Where the program has those of them that wait for a file, as they can be given again; 0 or
 * -errno. */
int aio_polls(struct dump_task *t, uint64_t context, uint64_t **ret, size_t *ret_n);

/* --- aio.c -------------------------------------------------------------------------------------
 */

struct aio_header {
	uint32_t id; /* in the process' table of contexts */
	uint32_t nr; /* events that the ring has room for; one stays free */
	uint32_t head, tail;
	uint32_t magic, compat_features, incompat_features, header_length;
};

bool aio_header_fits(const struct aio_header *h, uint64_t length);
/* len bytes of a ring, as the images have it. */
int aio_read_saved(struct restore_task *t, const VmaEntry *e, size_t len, void *ret);

/* --- aio_poll.c: requests that wait are given again ---------------------------------------------
 */

/* tail: of the ring, before they were read. */
void aio_polls_save(struct dump_task *t, uint64_t id, uint32_t tail, uint64_t *requests, size_t n);
int aio_polls_check(struct restore_task *t);
int aio_polls_emit(struct restore_task *t);

#endif
