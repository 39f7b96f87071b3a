/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings of io_uring(7), which no other tool keeps: descriptor, areas, both queues with what waits
 * in them, how the ring was set up, its thread of the kernel's, registered files and buffers.
 *
 * A ring is kept when nothing that was submitted is under way but requests that wait, which are
 * found in the kernel's memory and given again (uring_pending.c). For others all threads that may
 * have submitted wait, for a second, in the agent: so completions that need their thread come as
 * well. Where the kernel's memory can't be read, nothing may be under way: each request ends in one
 * completion, so the heads and tails that the kernel keeps for itself tell, as long as the program
 * has neither used requests with more than one (multishot, zero copy) nor ones with none.
 *
 * Everything is asked while the tree stands, and read when the agent has been there.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "objects/extras.h"
#include "objects/fown.h"
#include "objects/inside.h"
#include "objects/registry.h"
#include "objects/uring/uring_kernel.h"

#define LINK	   "anon_inode:[io_uring]"
#define GROUPS	   1024 /* of provided buffers that are looked for */
#define GROUPS_OWN 16	/* through the ring's own thread */
#define CLOSE_IT   "dump before the program makes the ring, or when it has closed it"

/* --- descriptors ------------------------------------------------------------------------------ */

static bool uring_match(const struct file_probe *p)
{
	return p->fd >= 0 && p->anon && !(p->info.flags & O_PATH) && !strcmp(p->link.path, LINK);
}

static void drop(void *data)
{
	struct uring_dump *x = data;

	for (struct uring_out *u = x->rings; u; u = u->next) {
		uring_unmap(&u->memory);
		close_fd(&u->fd);
	}
	hash_free(&x->by_ino);
}

struct uring_dump *uring_dump_of(struct dump *d)
{
	struct uring_dump *x = d->priv[SLOT_URING];

	if (!x) {
		x = d->priv[SLOT_URING] = arena_new(dump_arena(d), struct uring_dump);
		undo_push(&d->s->undo, drop, x);
	}
	return x;
}

void uring_refuse(const struct uring_out *u, const char *text, const char *cure)
{
	task_refuse(u->task, u->object, text, cure);
}

/* Requests that may end by themselves in a moment, and can't be kept else. */
static uint32_t awaited(const struct uring_out *u)
{
	return u->pending.counted ? u->pending.others : uring_under_way(u);
}

static void judge_event(struct uring_out *u)
{
	if (uring_event_read(u) < 0)
		uring_refuse(u,
			     "signals an eventfd, and it can't be read which (it takes Linux 5.17, "
			     "CAP_SYS_ADMIN, BPF and BTF)",
			     "have the program unregister it (IORING_UNREGISTER_EVENTFD)");
}

/* What the kernel says by itself. */
static void judge_known(struct uring_out *u)
{
	const struct uring_setup *s = &u->setup;

	if (s->flags & IORING_SETUP_R_DISABLED)
		uring_refuse(u, "is not enabled yet (IORING_SETUP_R_DISABLED)",
			     "dump when the program has enabled it");
	if (s->unmappable)
		uring_refuse(
			u,
			"lies in memory of the program's (IORING_SETUP_NO_MMAP), it is not known where",
			"have the program let the kernel allocate it");
	if (s->restricted)
		uring_refuse(u, "has restrictions, which can't be read", CLOSE_IT);
	if (s->event)
		judge_event(u);
	if (s->region)
		uring_refuse(u, "has a region of memory registered, which can't be read", CLOSE_IT);
	if (u->info.personalities)
		uring_refuse(u, "has personalities registered, which this version can't keep",
			     "have the program unregister them");
	if (u->info.napi)
		uring_refuse(u, "polls devices (NAPI), which this version can't keep",
			     "have the program switch it off (IORING_UNREGISTER_NAPI)");
}

void uring_refuse_groups(const struct uring_out *u)
{
	uring_refuse(
		u,
		"has buffers to give out (IORING_REGISTER_PBUF_RING, IORING_OP_PROVIDE_BUFFERS), "
		"and where they are can't be read in the kernel's memory (it takes Linux 6.14, "
		"CAP_SYS_ADMIN, BPF and BTF)",
		"have the program take them back (IORING_UNREGISTER_PBUF_RING, "
		"IORING_OP_REMOVE_BUFFERS)");
}

static bool group_is_there(int fd, uint32_t group)
{
	struct {
		uint32_t group, head, resv[8];
	} status = { .group = group };

	return syscall(SYS_io_uring_register, fd, URING_PBUF_STATUS, &status, 1) == 0;
}

static bool has_groups(const struct uring_out *u)
{
	uint32_t group = 0;

	while (group < GROUPS && !group_is_there(u->fd, group))
		group++;
	return group < GROUPS;
}

/* fdinfo of Linux 6.18 shows none. */
static bool has_personalities(const struct uring_out *u)
{
	static const char *const members[] = { "io_ring_ctx.personalities", "xarray.xa_head" };
	struct dump *d = u->task->dump;
	const int *at = inside_offsets(d, members, ARRAY_SIZE(members));
	struct kmem *k = at ? &inside_kernel(d)->memory : NULL;
	uint64_t ring = k ? kmem_private(k, u->fd) : 0;

	return ring && kmem_pointer(k, ring + at[0], at[1]);
}

static int uring_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	struct uring_out *u = arena_new(dump_arena(d), struct uring_out);
	struct uring_dump *x = uring_dump_of(d);
	int ret;

	*u = (struct uring_out){ .task = p->task,
				 .object = probe_object(p),
				 .id = f->entry->id,
				 .fd = fcntl(probe_local(p), F_DUPFD_CLOEXEC, 0),
				 .e = arena_msg(dump_arena(d), CrtoolsUring, crtools_uring),
				 .next = x->rings };
	ret = uring_info_parse(dump_arena(d), &p->info, &u->info);
	if (ret == -EOPNOTSUPP) {
		uring_refuse(u, "is a ring, and this kernel does not tell how it stands",
			     "use Linux 5.16 or later");
		close_fd(&u->fd);
		return 0;
	}
	x->rings = u;
	if (u->fd < 0)
		return err_sys(dump_err(d), "fcntl", "can't keep a descriptor of a ring");
	if (ret < 0)
		return err_set(dump_err(d), ERR_KERNEL, -ret, "can't read the fdinfo of %s",
			       u->object);
	if (hash_get(&x->by_ino, p->stat.st_ino))
		uring_refuse(
			u,
			"has its inode number in common with another ring, so that their areas "
			"can't be told apart",
			"use Linux 6.9 or later");
	hash_put(&x->by_ino, p->stat.st_ino, u);
	extras_add(d)->uring = u->e;
	u->e->has_id = u->e->has_flags = true;
	u->e->id = u->id;
	u->e->flags = p->info.flags & ~O_CLOEXEC;
	u->done = u->info.cached_cq_tail;
	if (uring_under_way(u) || u->info.armed)
		uring_pending_read(u);
	uring_ask(u->fd, &u->setup);
	u->info.personalities |= has_personalities(u);
	u->setup.groups = uring_groups_any(u) || (!u->setup.closed && has_groups(u));
	if (d->examining && u->setup.groups && uring_groups_read(u) < 0)
		uring_refuse_groups(u);
	if (!u->setup.closed || d->examining)
		judge_known(u);
	return fown_collect(d, p, &u->e->fown);
}

/* --- questions and patience, in the tasks ------------------------------------------------------ */

/* Of one thread about one ring. */
struct uring_asked {
	struct uring_out *ring;
	struct dump_thread *thread;
	call_id resize, napi, event, region, groups[GROUPS_OWN];
};

/* Which indexes are in use in a thread? */
struct uring_indexed {
	struct dump_thread *thread;
	call_id enter[URING_INDEXES];
};

struct uring_asks {
	struct uring_asked **asked;
	size_t n;
	struct uring_indexed *indexed; /* by thread */
	struct uring_out *only;	       /* the ring, if there is one only */
};

static void ask_own(struct dump_thread *th, struct uring_out *u, int fd, struct uring_asks *all)
{
	struct program *p = th->prog;
	struct uring_asked *a = arena_new(dump_arena(th->task->dump), struct uring_asked);
	uint64_t status = area_reserve(p->area, 40); /* struct io_uring_buf_status */

	program_note(p, "what ring %d has", fd);
	a->ring = u;
	a->thread = th;
	a->resize = program_call(p, SYS_io_uring_register, IMM(fd), IMM(URING_REGISTER_RESIZE),
				 IMM(1), IMM(1));
	a->napi = program_call(p, SYS_io_uring_register, IMM(fd), IMM(URING_REGISTER_NAPI), IMM(1),
			       IMM(1));
	a->event = program_call(p, SYS_io_uring_register, IMM(fd), IMM(IORING_REGISTER_EVENTFD),
				IMM(1), IMM(1));
	a->region = program_call(p, SYS_io_uring_register, IMM(fd), IMM(URING_REGISTER_MEM_REGION),
				 IMM(1), IMM(1));
	for (uint32_t i = 0; i < GROUPS_OWN; i++) {
		program_op(p, AGENT_STORE, 0, AREA(status), IMM(i), IMM(4));
		a->groups[i] = program_call(p, SYS_io_uring_register, IMM(fd),
					    IMM(URING_PBUF_STATUS), AREA(status), IMM(1));
	}
	arena_push(dump_arena(th->task->dump), all->asked, all->n, a);
}

/* Until there are as many completions as requests. */
static void wait_for_rest(struct dump_thread *th, const struct uring_out *u, int fd,
			  const struct timespec *patience)
{
	struct program *p = th->prog;
	uint64_t time = area_put(p->area, patience, sizeof(*patience));
	struct io_uring_getevents_arg arg = { 0 };
	uint64_t off = area_put(p->area, &arg, sizeof(arg));
	uint32_t want = u->info.cached_cq_tail - u->info.cq_head + awaited(u);

	program_note(p, "wait for what is under way in ring %d", fd);
	program_op(p, AGENT_STORE, 0, AREA(off + offsetof(struct io_uring_getevents_arg, ts)),
		   AREA(time), IMM(8));
	program_call(p, SYS_io_uring_enter, IMM(fd), IMM(0), IMM(want),
		     IMM(IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG), AREA(off),
		     IMM(sizeof(arg)));
}

static size_t count_busy(const struct uring_dump *x)
{
	size_t n = 0;

	for (const struct uring_out *u = x->rings; u; u = u->next)
		n += awaited(u) != 0;
	return n;
}

static struct uring_out *ring_by_id(const struct uring_dump *x, uint32_t id)
{
	for (struct uring_out *u = x->rings; u; u = u->next)
		if (u->id == id)
			return u;
	return NULL;
}

static void ask_all_threads(struct dump_task *t, struct uring_out *u, int fd,
			    const struct timespec *patience)
{
	struct uring_asks *all = t->priv[SLOT_URING];

	for (size_t i = 0; i < t->n_threads; i++) {
		if (u->setup.closed)
			ask_own(&t->threads[i], u, fd, all);
		if (awaited(u))
			wait_for_rest(&t->threads[i], u, fd, patience);
	}
}

/* Nothing to be submitted, nothing to be waited for: it only tells. */
static void ask_indexes(struct dump_task *t, struct uring_asks *all)
{
	all->indexed = arena_array(dump_arena(t->dump), struct uring_indexed, t->n_threads);
	for (size_t i = 0; i < t->n_threads; i++) {
		struct program *p = t->threads[i].prog;

		all->indexed[i].thread = &t->threads[i];
		program_note(p, "rings that the thread knows by an index");
		for (int k = 0; k < URING_INDEXES; k++)
			all->indexed[i].enter[k] =
				program_call(p, SYS_io_uring_enter, IMM(k), IMM(0), IMM(0),
					     IMM(IORING_ENTER_REGISTERED_RING), IMM(0), IMM(0));
	}
}

/* The kernel does not tell which ring it is; so there must be one only. */
static void take_index(const struct uring_indexed *x, uint32_t index, struct uring_out *only)
{
	struct dump_task *t = x->thread->task;
	int64_t result = program_result(x->thread->prog, x->enter[index]);
	CrtoolsUringIndex *e;

	if (result == -EBADF || result == -EINVAL || result == -ENOSYS)
		return;
	if (!only) {
		task_refuse(
			t, arena_printf(dump_arena(t->dump), "thread %d", x->thread->vtid),
			"knows a ring by an index (IORING_REGISTER_RING_FDS), and the kernel does "
			"not tell which of several it is",
			"have the program use descriptors");
		return;
	}
	e = arena_msg(dump_arena(t->dump), CrtoolsUringIndex, crtools_uring_index);
	e->has_tid = e->has_index = true;
	e->tid = x->thread->vtid;
	e->index = index;
	arena_push(dump_arena(t->dump), only->e->index, only->e->n_index, e);
}

static void take_indexes(const struct dump_task *t, const struct uring_asks *all)
{
	for (size_t i = 0; all->indexed && i < t->n_threads; i++)
		for (uint32_t k = 0; k < URING_INDEXES; k++)
			take_index(&all->indexed[i], k, all->only);
}

static int collect(struct dump_task *t)
{
	struct uring_asks *all;
	bool any = false;
	struct uring_dump *x = t->dump->priv[SLOT_URING];
	struct timespec patience = { 0 };
	size_t busy = x ? count_busy(x) : 0;

	if (busy)
		patience = (struct timespec){ URING_PATIENCE / busy / 1000000000,
					      URING_PATIENCE / busy % 1000000000 };
	if (!x || !x->rings || t->zombie)
		return t->zombie ? 0 : uring_area_name(t);
	all = t->priv[SLOT_URING] = arena_new(dump_arena(t->dump), struct uring_asks);
	for (size_t i = 0; t->table && i < t->table->n_fds; i++) {
		const FdinfoEntry *e = t->table->fds[i];
		struct uring_out *u = ring_by_id(x, e->id);

		if (e->type != FD_TYPES__CRTOOLS_URING)
			continue;
		ask_all_threads(t, u, e->fd, &patience);
		all->only = !any || all->only == u ? u : NULL;
		any = true;
	}
	if (any)
		ask_indexes(t, all);
	return uring_area_name(t);
}

/* The thread that is not told EEXIST is the ring's own. */
static void take_answers(const struct uring_asked *a)
{
	const struct program *p = a->thread->prog;
	struct uring_out *u = a->ring;
	int64_t resize = program_result(p, a->resize), event = program_result(p, a->event);

	if (event == -EEXIST)
		return;
	u->e->has_maker = true;
	u->e->maker = a->thread->vtid;
	if (resize == -EFAULT)
		u->setup.flags |= IORING_SETUP_DEFER_TASKRUN;
	if (program_result(p, a->napi) == -EINVAL)
		u->setup.flags |= IORING_SETUP_IOPOLL;
	u->setup.event = event == -EBUSY;
	u->setup.region = program_result(p, a->region) == -EBUSY;
	u->setup.restricted = resize == -EACCES || event == -EACCES;
	for (uint32_t i = 0; i < GROUPS_OWN; i++)
		u->setup.groups |= program_result(p, a->groups[i]) == 0;
	judge_known(u);
}

static bool is_last(const struct dump_task *t)
{
	const struct dump_task *last = NULL;

	for (size_t i = 0; i < t->dump->n_tasks; i++)
		if (!t->dump->tasks[i]->zombie)
			last = t->dump->tasks[i];
	return t == last;
}

static int absorb(struct dump_task *t)
{
	const struct uring_asks *all = t->priv[SLOT_URING];
	struct uring_dump *x = t->dump->priv[SLOT_URING];
	int ret = 0;

	for (size_t i = 0; all && i < all->n; i++)
		take_answers(all->asked[i]);
	if (all)
		take_indexes(t, all);
	if (!x || !is_last(t))
		return 0;
	for (struct uring_out *u = x->rings; ret == 0 && u; u = u->next)
		ret = uring_settle(t->dump, x, u);
	return ret;
}

/* --- restore ----------------------------------------------------------------------------------- */

static int emit(struct restore_task *t)
{
	int ret = uring_area_emit(t);

	return ret < 0 ? ret : uring_buffers_emit(t);
}

static int emit_thread(struct restore_thread *th)
{
	int ret = uring_indexes_emit(th);

	return ret < 0 ? ret : uring_requests_emit(th);
}

const struct file_class uring_class = {
	.name = "io_uring",
	.type = FD_TYPES__CRTOOLS_URING,
	.match = uring_match,
	.collect = uring_collect,
	.check = uring_check,
	.open = uring_open,
	.attach = uring_attach,
	.watch = uring_watch,
};

const struct state_class uring_state = {
	.name = "rings of io_uring",
	.collect = collect,
	.examine = uring_area_name,
	.owed = uring_area_any,
	.absorb = absorb,
	.prepare = uring_prepare,
	.emit = emit,
	.emit_thread = emit_thread,
};
