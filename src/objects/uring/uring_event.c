/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The eventfd that a ring signals when a request is done (IORING_REGISTER_EVENTFD). The kernel
 * tells that there is one, and not which; it is found in the kernel's memory (kernel/kmem.h):
 *
 *	ring's file -> io_ring_ctx, io_ev_fd -> eventfd_ctx, whose id fdinfo shows, too
 *
 * A ring that does requests while the tree is dumped is refused: they would be counted by an
 * eventfd that was read before.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "objects/inside.h"
#include "objects/uring/uring.h"

/* Since Linux 5.17; the flag was one bit at first. */
enum { EVENT, CONTEXT, ASYNC, ID };
static const char *const members[] = {
	[EVENT] = "io_ring_ctx.io_ev_fd",
	[CONTEXT] = "io_ev_fd.cq_ev_fd",
	[ASYNC] = "io_ev_fd.eventfd_async",
	[ID] = "eventfd_ctx.id",
};

int uring_event_read(struct uring_out *u)
{
	struct dump *d = u->task->dump;
	const int *at = inside_offsets(d, members, ARRAY_SIZE(members));
	struct kmem *k = at ? &inside_kernel(d)->memory : NULL;
	uint64_t event, context;
	uint8_t flag;

	if (!at)
		return -ENOENT;
	event = kmem_pointer(k, kmem_private(k, u->fd), at[EVENT]);
	if (!event || kmem_read(k, event + at[ASYNC], &flag, sizeof(flag)) < 0)
		return -EIO;
	u->e->has_event_async = u->e->event_async = flag & 1;
	context = kmem_pointer(k, event, at[CONTEXT]);
	return context ? kmem_read(k, context + at[ID], &u->event_id, sizeof(u->event_id)) : -EIO;
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
