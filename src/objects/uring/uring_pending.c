/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that wait: for a connection, for data, for a moment. The kernel shows none of them; they
 * are found in its memory (uring_kernel.h), where the ring has them: those that wait for a file in
 * a table, timeouts in a list. As such a request has had no effect yet, the restore can give it
 * again, as a new one with the same entry: for each kind, a table says where in the kernel what the
 * entry said is.
 *
 * The kernel counts the requests that it has for a ring (Linux 6.14), so it is known whether there
 * are others, which can't be given again: they are done by a thread of the kernel's, wait for
 * something that is not known here, or are done in part. Before, heads and tails of the queues tell
 * that of a ring whose requests made one completion each.
 *
 * Threads of the tree stand still; a timer or the network may change what is read here. What makes
 * no sense then is one of the others, and looked at again when the agent has been there.
 */
#include <errno.h>
#include <time.h>

#include "base/cleanup.h"
#include "objects/uring/uring_pending.h"

#define REQUESTS_MAX (1u << 20)
#define CHAIN_MAX    (1u << 16) /* in a bucket or list */
#define BUCKETS_MAX  16		/* bits */
#define NS	     UINT64_C(1000000000)

#define get looking_get
#define has looking_has

static uint32_t word_at(const struct looking *l, uint64_t base, enum uring_place place)
{
	uint32_t value = 0;

	if (base)
		kmem_read(l->k->memory, base + l->k->at[place], &value, sizeof(value));
	return value;
}

static uint64_t pointer_at(const struct looking *l, uint64_t base, enum uring_place place)
{
	return kmem_pointer(l->k->memory, base, l->k->at[place]);
}

/* --- whose, and on which file ------------------------------------------------------------------ */

static int read_fds(struct looking *l, uint64_t task)
{
	int ret;

	if (l->task == task)
		return 0;
	ret = uring_kernel_fds(l->u->task->dump, l->k, task, &l->fds, &l->n_fds);
	l->task = ret == 0 ? task : 0;
	return ret;
}

/* The node of a registered file; 0. */
static uint64_t registered(struct looking *l, int32_t index)
{
	uint64_t table, node = 0;

	if (!has(l, PLACE_FILE_TABLE) || !has(l, PLACE_FILE_DATA) || !has(l, PLACE_FILE_NODES) ||
	    !has(l, PLACE_REQ_NODE) || index < 0 || (uint64_t)index >= l->u->info.n_files)
		return 0;
	table = l->ring + l->k->at[PLACE_FILE_TABLE] + l->k->at[PLACE_FILE_DATA];
	kmem_read(l->k->memory, pointer_at(l, table, PLACE_FILE_NODES) + 8 * (uint64_t)index, &node,
		  sizeof(node));
	return node;
}

/* The program may have closed the number that it gave, or have used it again. */
int looking_descriptor(struct looking *l, int32_t given)
{
	uint64_t file = get(l, l->req, PLACE_REQ_FILE, 8);

	if (!file || read_fds(l, l->submitter) < 0)
		return -1;
	if (given >= 0 && (uint32_t)given < l->n_fds && l->fds[given] == file)
		return given;
	for (uint32_t i = 0; i < l->n_fds; i++)
		if (l->fds[i] == file)
			return (int)i;
	return -1;
}

/* A thread of the kernel's (SQPOLL) submits for its process: 0. */
static int find_thread(struct looking *l, uint64_t task, pid_t *ret)
{
	uint64_t pid = pointer_at(l, task, PLACE_TASK_PID);
	const struct dump *d = l->u->task->dump;
	uint32_t nr = 0;

	*ret = 0;
	l->by = NULL;
	if (l->u->info.sq_thread >= 0)
		return 0;
	kmem_read(l->k->memory,
		  pid + l->k->at[PLACE_PID_NUMBERS] + (uint64_t)l->k->level * l->k->upid_size, &nr,
		  sizeof(nr));
	for (size_t i = 0; nr && i < d->n_tasks; i++)
		for (size_t k = 0; k < d->tasks[i]->n_threads; k++)
			if (d->tasks[i]->threads[k].stop->tid == (pid_t)nr) {
				*ret = d->tasks[i]->threads[k].vtid;
				l->found->of_several |= l->found->of && l->found->of != d->tasks[i];
				l->found->of = l->by = d->tasks[i];
				return 0;
			}
	return -ESRCH;
}

/* --- requests ---------------------------------------------------------------------------------- */

static const char *take_async(struct looking *l)
{
	uint64_t at = get(l, l->req, PLACE_REQ_ASYNC, 8);

	l->async = NULL;
	if (!at)
		return NULL;
	l->async = arena_alloc(dump_arena(l->u->task->dump), URING_ASYNC_SIZE);
	/* It may be shorter, and nothing behind it. */
	return kmem_read(l->k->memory, at, l->async, URING_ASYNC_SIZE) < 0 ? "can't be read" : NULL;
}

/* Those that have no file. */
static bool is_without_file(uint8_t opcode)
{
	return opcode == IORING_OP_TIMEOUT || opcode == IORING_OP_LINK_TIMEOUT ||
	       opcode == URING_OP_FUTEX_WAIT || opcode == URING_OP_WAITID ||
	       opcode == IORING_OP_CLOSE;
}

/* One that is linked to another has its file looked up when its turn comes, by its number. */
static const char *take_file(struct looking *l, struct io_uring_sqe *sqe)
{
	uint64_t node;

	if (is_without_file(sqe->opcode) || !l->begun)
		return NULL;
	if (sqe->flags & IOSQE_FIXED_FILE) {
		node = registered(l, sqe->fd);
		return node && node == get(l, l->req, PLACE_REQ_NODE, 8)
			       ? NULL
			       : "is on a file that was registered then, and is so no more";
	}
	sqe->fd = looking_descriptor(l, sqe->fd);
	return sqe->fd < 0 ? "is on a file that the program has no descriptor of any more" : NULL;
}

static CrtoolsUringRequest *push(struct looking *l)
{
	struct arena *a = dump_arena(l->u->task->dump);
	CrtoolsUringRequest *r = arena_msg(a, CrtoolsUringRequest, crtools_uring_request);

	r->has_tid = r->has_sqe = true;
	r->sqe.len = sizeof(struct io_uring_sqe);
	r->sqe.data = arena_alloc(a, sizeof(struct io_uring_sqe));
	arena_push(a, l->found->list, l->found->n, r);
	return r;
}

static struct io_uring_sqe *sqe_of(const CrtoolsUringRequest *r)
{
	return (struct io_uring_sqe *)r->sqe.data;
}

/* What all kinds have. */
static const char *begin(struct looking *l, uint64_t at, CrtoolsUringRequest *r)
{
	uint64_t flags;
	const char *why;
	uint32_t kept = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS |
			IOSQE_IO_LINK | IOSQE_IO_HARDLINK | (l->begun ? 0 : IOSQE_ASYNC);
	pid_t tid;

	if (kmem_read(l->k->memory, at, l->req, l->k->request_size) < 0)
		return "can't be read";
	flags = get(l, l->req, PLACE_REQ_FLAGS, 8);
	*sqe_of(r) = (struct io_uring_sqe){
		.opcode = get(l, l->req, PLACE_REQ_OPCODE, 1),
		.flags = flags & kept,
		.fd = get(l, l->req + l->k->at[PLACE_REQ_CQE], PLACE_CQE_FD, 4),
		.user_data = get(l, l->req, PLACE_REQ_CQE, 8),
	};
	if (flags & l->k->creds)
		return "has a personality";
	if (flags & l->k->refused || (flags & IOSQE_IO_DRAIN && !l->begun))
		return "has begun";
	why = take_async(l);
	if (why)
		return why;
	l->submitter = pointer_at(l, get(l, l->req, PLACE_REQ_TCTX, 8), PLACE_TCTX_TASK);
	if (find_thread(l, l->submitter, &tid) < 0)
		return "is of a process outside of the tree";
	r->tid = tid;
	return take_file(l, sqe_of(r));
}

static uint64_t time_left(const struct looking *l, uint32_t flags)
{
	const unsigned char *node =
		l->async + l->k->at[PLACE_TIME_TIMER] + l->k->at[PLACE_TIMER_NODE];
	bool linked = l->k->at[PLACE_LINKED_EXPIRES] >= 0;
	uint64_t end = get(l, node, linked ? PLACE_LINKED_EXPIRES : PLACE_NODE_EXPIRES, 8), now;
	struct timespec ts;

	clock_gettime(flags & IORING_TIMEOUT_REALTIME	? CLOCK_REALTIME
		      : flags & IORING_TIMEOUT_BOOTTIME ? CLOCK_BOOTTIME
							: CLOCK_MONOTONIC,
		      &ts);
	now = ts.tv_sec * NS + ts.tv_nsec;
	return end > now ? end - now : 1;
}

/* Of one that repeats, or has not begun. */
static uint64_t period_of(const struct looking *l)
{
	struct timespec period;

	if (l->k->at[PLACE_TIME_PERIOD] >= 0)
		return get(l, l->async, PLACE_TIME_PERIOD, 8);
	memcpy(&period, l->async + l->k->at[PLACE_TIME_SPEC], sizeof(period));
	return period.tv_sec * NS + period.tv_nsec;
}

/* Those for a moment count as those for a time, which stands still while the tree does. The time of
 * one that is not under way yet has not begun. */
static const char *take_timeout(struct looking *l, CrtoolsUringRequest *r, bool running)
{
	struct io_uring_sqe *sqe = sqe_of(r);
	uint32_t flags, off = get(l, l->req, PLACE_TIMEOUT_OFF, 4);

	if (!l->async)
		return "has no time";
	flags = get(l, l->async, PLACE_TIME_FLAGS, 4);
	sqe->timeout_flags = running ? flags & ~IORING_TIMEOUT_ABS : flags;
	sqe->len = 1;
	sqe->fd = -1;
	if (flags & URING_TIMEOUT_MULTISHOT)
		sqe->off = get(l, l->req, PLACE_TIMEOUT_REPEATS, 4);
	else if (off && running)
		sqe->off = (uint32_t)get(l, l->req, PLACE_TIMEOUT_TARGET, 4) -
			   (word_at(l, l->ring, PLACE_COMPLETIONS) -
			    word_at(l, l->ring, PLACE_CQ_TIMEOUTS));
	else
		sqe->off = off;
	r->has_wait = true;
	r->wait = flags & URING_TIMEOUT_MULTISHOT || !running ? period_of(l) : time_left(l, flags);
	return NULL;
}

/* `running`: of a timeout. *ret_next: what is linked to it; 0. */
static const char *take_one(struct looking *l, uint64_t at, bool running, uint64_t *ret_next)
{
	CrtoolsUringRequest *r = push(l);
	const char *why = begin(l, at, r);
	struct io_uring_sqe *sqe = sqe_of(r);
	bool times = sqe->opcode == IORING_OP_TIMEOUT || sqe->opcode == IORING_OP_LINK_TIMEOUT;

	*ret_next = 0;
	if (why)
		return why;
	*ret_next = get(l, l->req, PLACE_REQ_LINK, 8);
	if (!*ret_next) /* the last that was given with others has the flag, too */
		sqe->flags &= ~(IOSQE_IO_LINK | IOSQE_IO_HARDLINK);
	else if (!(sqe->flags & (IOSQE_IO_LINK | IOSQE_IO_HARDLINK)))
		return "has others linked to it, in a way that is not known";
	return times ? take_timeout(l, r, running) : uring_kind_take(l, sqe, r);
}

static const char too_many[] = "has more linked to it than its queue has room for";
/* With all that are linked to it. A timeout behind the first one is that one's, and runs. */
static const char *take_chain(struct looking *l, uint64_t at)
{
	const char *why = NULL;
	uint64_t next = at;

	for (uint32_t n = 0; next && !why; n++) {
		const struct io_uring_sqe *sqe;
		size_t last = l->found->n;

		l->begun = n == 0;
		why = n > l->u->info.sq_entries ? too_many : take_one(l, next, n == 0, &next);
		if (why)
			continue;
		sqe = sqe_of(l->found->list[last]);
		if (n == 1 && sqe->opcode == IORING_OP_LINK_TIMEOUT)
			why = take_timeout(l, l->found->list[last], true);
	}
	return why;
}

static void note_timeout(struct looking *l, uint64_t at, CrtoolsUringRequest *r)
{
	const struct uring_timeout timeout = { at, r };

	arena_push(dump_arena(l->u->task->dump), l->found->timeouts, l->found->n_timeouts, timeout);
}

/* Those that are linked to one that can't be given again are others, too: count_all(). */
static void take(struct looking *l, uint64_t at)
{
	size_t before = l->found->n;
	const char *why = take_chain(l, at);

	if (why) {
		l->found->n = before;
		l->found->others++;
		l->found->why = why;
	} else if (sqe_of(l->found->list[before])->opcode == IORING_OP_TIMEOUT) {
		note_timeout(l, at, l->found->list[before]);
	}
}

/* --- where they are ---------------------------------------------------------------------------- */

static int walk_bucket(struct looking *l, uint64_t node)
{
	for (uint32_t n = 0; node; n++) {
		uint64_t at = node - l->k->at[PLACE_REQ_HASH];

		if (n == CHAIN_MAX || l->found->n > REQUESTS_MAX)
			return -E2BIG;
		take(l, at);
		node = kmem_pointer(l->k->memory, node, 0);
	}
	return 0;
}

static int walk_table(struct looking *l, enum uring_place place)
{
	uint64_t table = l->ring + l->k->at[place], buckets = pointer_at(l, table, PLACE_BUCKETS);
	uint32_t bits = word_at(l, table, PLACE_BUCKET_BITS);
	_cleanup_free_ unsigned char *all = NULL;
	size_t size;
	int ret = 0;

	if (!buckets || bits > BUCKETS_MAX)
		return -EIO;
	size = (size_t)l->k->bucket_size << bits;
	all = malloc(size);
	if (!all || kmem_read(l->k->memory, buckets, all, size) < 0)
		return -EIO;
	for (size_t at = 0; ret == 0 && at < size; at += l->k->bucket_size)
		ret = walk_bucket(l, get(l, all + at, PLACE_BUCKET_LIST, 8));
	return ret;
}

static int walk_timeouts(struct looking *l)
{
	uint64_t list = l->ring + l->k->at[PLACE_TIMEOUTS],
		 node = kmem_pointer(l->k->memory, list, 0);

	for (uint32_t n = 0; node != list; n++) {
		if (!node || n == CHAIN_MAX)
			return -EIO;
		take(l, node - l->k->at[PLACE_TIMEOUT_LIST]);
		node = kmem_pointer(l->k->memory, node, 0);
	}
	return 0;
}

/* Those that wait for a futex, or a child. */
static int walk_list(struct looking *l, enum uring_place place)
{
	return has(l, place) ? walk_bucket(l, kmem_pointer(l->k->memory, l->ring, l->k->at[place]))
			     : 0;
}

/* Of those that the kernel has made room for. */
static int list_unused(struct looking *l, uint32_t most, struct hash *ret)
{
	uint64_t node = kmem_pointer(l->k->memory, l->ring + l->k->at[PLACE_SUBMISSIONS],
				     l->k->at[PLACE_FREE]);

	for (; node; node = kmem_pointer(l->k->memory, node, 0)) {
		if (ret->used == most)
			return -EIO;
		hash_put(ret, node - l->k->at[PLACE_REQ_LIST], l);
	}
	return 0;
}

/* Timeouts that were seen before, and are in no list now: their time has come since, and their
 * thread does not run to say so. */
static void find_over(struct looking *l, const struct uring_pending *before, struct hash *unused)
{
	struct uring_pending *f = l->found;

	for (size_t i = 0; i < before->n_timeouts && f->others; i++) {
		const struct uring_timeout *t = &before->timeouts[i];
		bool seen = hash_get(unused, t->at);

		for (size_t k = 0; k < f->n_timeouts; k++)
			seen |= f->timeouts[k].at == t->at;
		if (seen || kmem_read(l->k->memory, t->at, l->req, l->k->request_size) < 0 ||
		    get(l, l->req, PLACE_REQ_OPCODE, 1) != IORING_OP_TIMEOUT ||
		    sqe_of(t->request)->flags & (IOSQE_IO_LINK | IOSQE_IO_HARDLINK))
			continue;
		if (!(sqe_of(t->request)->timeout_flags & URING_TIMEOUT_MULTISHOT))
			t->request->wait = 1;
		arena_push(dump_arena(l->u->task->dump), f->list, f->n, t->request);
		f->others--;
	}
}

/* All that were found, and others that are nowhere here. */
static int count_all(struct looking *l, const struct uring_pending *before)
{
	struct uring_pending *f = l->found;
	uint32_t all, seen = f->n + f->others;
	struct hash unused = { 0 };
	int ret = 0;

	if (!has(l, PLACE_ALLOCATED))
		return 0;
	all = word_at(l, l->ring, PLACE_ALLOCATED);
	if (all > REQUESTS_MAX || list_unused(l, all, &unused) < 0 || all - unused.used < seen)
		ret = -EIO;
	if (ret == 0) {
		f->counted = true;
		f->others += all - unused.used - seen;
		find_over(l, before, &unused);
	}
	hash_free(&unused);
	if (!f->why && f->others)
		f->why = "is done by a thread of the kernel's, or waits for something that can't "
			 "be waited for again";
	return ret;
}

int uring_pending_read(struct uring_out *u)
{
	struct dump *d = u->task->dump;
	const struct uring_pending before = u->pending;
	struct looking l = { .k = uring_kernel(d), .u = u, .found = &u->pending };
	int ret;

	u->pending = (struct uring_pending){ 0 };
	if (!l.k)
		return -ENOENT;
	l.ring = kmem_private(l.k->memory, u->fd);
	l.req = arena_alloc(dump_arena(d), l.k->request_size);
	if (!l.ring)
		return -EIO;
	ret = walk_table(&l, PLACE_TABLE);
	if (ret == 0 && has(&l, PLACE_TABLE_LOCKED))
		ret = walk_table(&l, PLACE_TABLE_LOCKED);
	if (ret == 0)
		ret = walk_timeouts(&l);
	if (ret == 0)
		ret = walk_list(&l, PLACE_FUTEXES);
	if (ret == 0)
		ret = walk_list(&l, PLACE_CHILDREN);
	if (ret == 0)
		ret = count_all(&l, &before);
	u->pending.known = ret == 0;
	return ret;
}
