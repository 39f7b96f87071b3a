/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many requests of an AIO context are under way, which the kernel shows to nobody: it is found
 * in its memory (struct kioctx of fs/aio.c). A process' contexts are in a table (kioctx_table),
 * under the number in the ring's header, which the program can write.
 *
 * Each request takes one of the context's places, of which there is one less than events fit the
 * ring. A place is free, in the context's count or in the one that some processor has for itself;
 * or its request has ended, and the event was not taken by the time of the last count
 * (completed_events); all others are of requests that are under way.
 *
 * Requests end while this is read, so what is read has to be the same twice.
 *
 * Those that wait for a file (IOCB_CMD_POLL) are in a list of the context's. What each was asked
 * for is in the program's memory, and the kernel's request says whether it still is.
 */
#include "objects/memory/aio.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "kernel/ptrace.h"
#include "objects/inside.h"
#include "objects/registry.h"

#define CONTEXTS_MAX 65536 /* in a table; more than that is none */
#define TRIES	     16

/* clang-format off */
#define PLACES(X)                                                                                  \
	X(mm, "task_struct.mm")                                                                    \
	X(contexts, "mm_struct.ioctx_table")                                                       \
	X(n_contexts, "kioctx_table.nr")                                                           \
	X(table, "kioctx_table.table")                                                             \
	X(id, "kioctx.user_id")                                                                    \
	X(nr_events, "kioctx.nr_events")                                                           \
	X(completed, "kioctx.completed_events")                                                    \
	X(available, "kioctx.reqs_available")                                                      \
	X(per_cpu, "kioctx.cpu")                                                                   \
	X(active, "kioctx.active_reqs")                                                            \
	X(link, "aio_kiocb.ki_list")                                                               \
	X(file, "aio_kiocb.ki_filp")                                                               \
	X(result, "aio_kiocb.ki_res")                                                              \
	X(eventfd, "aio_kiocb.ki_eventfd")                                                         \
	X(poll, "aio_kiocb.poll")                                                                  \
	X(events, "poll_iocb.events")                                                              \
	X(fds_max, "fdtable.max_fds")
/* clang-format on */

/* Of the run. */
struct aio_kernel {
	struct inside *inside; /* NULL: it can't be read */
	struct kmem_processors processors;
	struct {
		BTF_PLACES(PLACES);
	} at;
};

static void close_it(void *data)
{
	struct aio_kernel *k = data;

	free(k->processors.distance);
}

static struct aio_kernel *kernel(struct dump *d)
{
	struct aio_kernel *k = d->priv[SLOT_AIO];

	if (k)
		return k->inside ? k : NULL;
	k = d->priv[SLOT_AIO] = arena_new(dump_arena(d), struct aio_kernel);
	*k = (struct aio_kernel){ .inside = inside_kernel(d) };
	undo_push(&d->s->owned, close_it, k);
	if (k->inside &&
	    (BTF_FIND(k->inside->types, PLACES, &k->at) < 0 ||
	     kmem_find_processors(&k->inside->memory, k->inside->types, &k->processors) < 0))
		k->inside = NULL;
	return k->inside ? k : NULL;
}

int aio_find(struct dump_task *t, uint64_t id, uint64_t *ret_context)
{
	struct aio_kernel *k = kernel(t->dump);
	struct kmem *m = k ? &k->inside->memory : NULL;
	uint64_t mm, table;
	uint32_t n = 0;

	if (!k)
		return -EOPNOTSUPP;
	mm = kmem_pointer(m, kmem_task(m, t->stop->pidfd), k->at.mm);
	if (!mm)
		return -EIO;
	table = kmem_pointer(m, mm, k->at.contexts);
	if (table && kmem_read(m, table + k->at.n_contexts, &n, sizeof(n)) < 0)
		return -EIO;
	for (uint32_t i = 0; i < n && i < CONTEXTS_MAX; i++) {
		uint64_t context = kmem_pointer(m, table, k->at.table + i * (int)sizeof(uint64_t));

		if (context && kmem_pointer(m, context, k->at.id) == id) {
			*ret_context = context;
			return 0;
		}
	}
	return -ESRCH;
}

struct counts {
	uint32_t places, available, per_cpu, completed;
};

static int read_counts(struct aio_kernel *k, uint64_t context, struct counts *ret)
{
	struct kmem *m = &k->inside->memory;
	int err = kmem_read(m, context + k->at.nr_events, &ret->places, sizeof(ret->places));

	if (err == 0)
		err = kmem_sum(m, &k->processors, kmem_pointer(m, context, k->at.per_cpu),
			       &ret->per_cpu);
	if (err == 0)
		err = kmem_read(m, context + k->at.available, &ret->available,
				sizeof(ret->available));
	if (err == 0)
		err = kmem_read(m, context + k->at.completed, &ret->completed,
				sizeof(ret->completed));
	return err;
}

int aio_under_way(struct dump *d, uint64_t context, uint32_t *ret)
{
	struct aio_kernel *k = kernel(d);
	struct counts before, now;
	int err = k ? read_counts(k, context, &now) : -EOPNOTSUPP;

	for (int i = 0; err == 0 && i < TRIES; i++) {
		before = now;
		err = read_counts(k, context, &now);
		if (err == 0 && !memcmp(&before, &now, sizeof(now)))
			break;
	}
	*ret = now.places - 1 - now.available - now.per_cpu - now.completed;
	return err;
}

/* --- requests that wait for a file -------------------------------------------------------------- */

/* An open file of the task's; 0. */
static uint64_t file_of(struct aio_kernel *k, uint64_t task, uint32_t fd)
{
	struct kmem *m = &k->inside->memory;
	uint64_t table = kmem_pointer(m, kmem_pointer(m, task, m->at.files), m->at.table);
	uint64_t files = kmem_pointer(m, table, m->at.table_fds), file = 0;
	uint32_t n = 0;

	if (!files || kmem_read(m, table + k->at.fds_max, &n, sizeof(n)) < 0 || fd >= n)
		return 0;
	return kmem_read(m, files + fd * sizeof(file), &file, sizeof(file)) < 0 ? 0 : file;
}

/* Would the kernel, given what the program has there, make the same request again? */
static bool is_as_given(struct dump_task *t, struct aio_kernel *k, uint64_t task, uint64_t request,
			const struct io_event *result)
{
	struct kmem *m = &k->inside->memory;
	uint64_t eventfd = kmem_pointer(m, request, k->at.eventfd), signals = 0;
	uint32_t events = 0;
	struct iocb cb;

	if (task_read(t->stop->via, result->obj, &cb, sizeof(cb)) < 0 ||
	    kmem_read(m, request + k->at.poll + k->at.events, &events, sizeof(events)) < 0)
		return false;
	if (cb.aio_flags & IOCB_FLAG_RESFD)
		signals = kmem_pointer(m, file_of(k, task, cb.aio_resfd), m->at.file_private);
	return cb.aio_lio_opcode == IOCB_CMD_POLL && cb.aio_data == result->data &&
	       cb.aio_buf <= UINT16_MAX && (cb.aio_buf | POLLERR | POLLHUP) == events &&
	       signals == eventfd &&
	       file_of(k, task, cb.aio_fildes) == kmem_pointer(m, request, k->at.file);
}

int aio_polls(struct dump_task *t, uint64_t context, uint64_t **ret, size_t *ret_n)
{
	struct aio_kernel *k = kernel(t->dump);
	struct kmem *m = k ? &k->inside->memory : NULL;
	uint64_t task = k ? kmem_task(m, t->stop->pidfd) : 0, head, node;
	uint64_t *list = NULL;
	uint32_t most = 0, n = 0;
	size_t found = 0;

	if (!task || kmem_read(m, context + k->at.nr_events, &most, sizeof(most)) < 0)
		return -EIO;
	head = context + k->at.active;
	for (node = kmem_pointer(m, head, 0); node != head; node = kmem_pointer(m, node, 0)) {
		uint64_t request = node - k->at.link;
		struct io_event result;

		if (!node || n++ > most ||
		    kmem_read(m, request + k->at.result, &result, sizeof(result)) < 0)
			return -EAGAIN;
		if (is_as_given(t, k, task, request, &result))
			arena_push(dump_arena(t->dump), list, found, result.obj);
	}
	*ret = list;
	*ret_n = found;
	return 0;
}
