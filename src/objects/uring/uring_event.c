/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The eventfd that a ring signals when a request is done (IORING_REGISTER_EVENTFD). The kernel
 * tells that there is one, and not which; it is found in the kernel's memory (kernel/kmem.h):
 *
 *	ring's file -> io_ring_ctx, io_ev_fd -> eventfd_ctx, whose id fdinfo shows, too
 *
 * A ring that does requests while the tree is dumped is refused: they would be counted by an
 *eventfd that was read before.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "kernel/btf.h"
#include "kernel/kmem.h"
#include "objects/uring/uring.h"

/* Since Linux 5.17; the flag was one bit at first. */
#define PLACES(X)                                                                                  \
	X(event, "io_ring_ctx.io_ev_fd")                                                           \
	X(descriptor, "io_ev_fd.cq_ev_fd")                                                         \
	X(async, "io_ev_fd.eventfd_async")                                                         \
	X(id, "eventfd_ctx.id")

struct places {
	BTF_PLACES(PLACES);
};

static int read_it(struct kmem *k, const struct btf *b, struct uring_out *u)
{
	uint64_t at = kmem_private(k, u->fd), event;
	struct places x;
	uint8_t flag;

	if (BTF_FIND(b, PLACES, &x) < 0)
		return -ENOENT;
	event = kmem_pointer(k, at, x.event);
	if (!event || kmem_read(k, event + x.async, &flag, sizeof(flag)) < 0)
		return -EIO;
	u->e->has_event_async = u->e->event_async = flag & 1;
	at = kmem_pointer(k, event, x.descriptor);
	return at ? kmem_read(k, at + x.id, &u->event_id, sizeof(u->event_id)) : -EIO;
}

int uring_event_read(struct uring_out *u)
{
	struct kmem memory = { .map = -1, .prog = -1 };
	struct btf *b = NULL;
	int ret = btf_open(&b);

	if (ret == 0)
		ret = kmem_open(&memory, b);
	if (ret == 0)
		ret = read_it(&memory, b, u);
	kmem_close(&memory);
	btf_close(b);
	return ret;
}

static bool has_id(const struct dump_task *t, const FdinfoEntry *e, uint64_t want)
{
	struct proc_fdinfo info;
	struct err err = { 0 };
	uint64_t id;

	return proc_fdinfo(&t->stop->proc, e->fd, dump_arena(t->dump), &info, &err) == 0 &&
	       proc_fdinfo_num(&info, "eventfd-id", 10, &id) == 0 && id == want;
}

uint32_t uring_event_file(const struct dump *d, const struct uring_out *u)
{
	for (size_t i = 0; i < d->n_tasks; i++) {
		const struct dump_task *t = d->tasks[i];

		for (size_t k = 0; t->table && t->table->owner == t && k < t->table->n_fds; k++) {
			const FdinfoEntry *e = t->table->fds[k];

			if (e->type == FD_TYPES__EVENTFD && has_id(t, e, (uint32_t)u->event_id))
				return e->id;
		}
	}
	return 0;
}
