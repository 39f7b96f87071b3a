/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings of io_uring(7), which no other tool keeps: descriptor, areas, both queues with what waits
 * in them, how the ring was set up, its thread of the kernel's, registered files and buffers.
 *
 * A ring is kept when nothing that was submitted is under way. The kernel does not count that, but
 * each request ends in one completion: the heads and tails that it keeps for itself tell, as long
 * as the program has neither used requests with more than one (multishot, zero copy) nor ones with
 * none. All threads that may have submitted wait for the rest, for a second, in the agent: so
 * completions that need their thread come as well.
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
#include "objects/registry.h"
#include "objects/uring/uring.h"

#define LINK	   "anon_inode:[io_uring]"
#define PATIENCE   UINT64_C(1000000000) /* ns: for all rings together */
#define GROUPS	   1024			/* of provided buffers that are looked for */
#define GROUPS_OWN 16			/* through the ring's own thread */

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

static void refuse(const struct uring_out *u, const char *text, const char *cure)
{
	task_refuse(u->task, u->object, text, cure);
}

static uint32_t under_way(const struct uring_out *u)
{
	return u->info.cached_sq_head - u->info.cached_cq_tail;
}

static void judge_event(struct uring_out *u)
{
	if (u->busy)
		refuse(u, "signals an eventfd, and has requests under way",
		       "dump when the program waits for nothing");
	else if (uring_event_read(u) < 0)
		refuse(u,
		       "signals an eventfd, and it can't be read which (it takes Linux 5.17, "
		       "CAP_SYS_ADMIN, BPF and BTF)",
		       "have the program unregister it (IORING_UNREGISTER_EVENTFD)");
}

/* What the kernel says by itself. */
static void judge_known(struct uring_out *u)
{
	const struct uring_setup *s = &u->setup;

	if (s->flags & IORING_SETUP_R_DISABLED)
		refuse(u, "is not enabled yet (IORING_SETUP_R_DISABLED)",
		       "dump when the program has enabled it");
	if (s->unmappable)
		refuse(u,
		       "lies in memory of the program's (IORING_SETUP_NO_MMAP), it is not known where",
		       "have the program let the kernel allocate it");
	if (s->restricted)
		refuse(u, "has restrictions, which can't be read", "");
	if (s->event)
		judge_event(u);
	if (s->region)
		refuse(u, "has a region of memory registered, which can't be read", "");
	if (u->info.personalities)
		refuse(u, "has personalities registered, which this version can't keep",
		       "have the program unregister them");
	if (u->info.napi)
		refuse(u, "polls devices (NAPI), which this version can't keep",
		       "have the program switch it off (IORING_UNREGISTER_NAPI)");
}

static void refuse_groups(const struct uring_out *u)
{
	refuse(u,
	       "has buffers to give out (IORING_REGISTER_PBUF_RING), and the kernel does not "
	       "tell where they are",
	       "have the program unregister them (IORING_UNREGISTER_PBUF_RING)");
}

static bool group_is_there(int fd, uint32_t group)
{
	struct {
		uint32_t group, head, resv[8];
	} status = { .group = group };

	return syscall(SYS_io_uring_register, fd, URING_PBUF_STATUS, &status, 1) == 0;
}

static void judge_groups(const struct uring_out *u)
{
	uint32_t group = 0;

	while (group < GROUPS && !group_is_there(u->fd, group))
		group++;
	if (group < GROUPS)
		refuse_groups(u);
}

static int uring_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	struct uring_out *u = arena_new(dump_arena(d), struct uring_out);
	struct uring_dump *x = uring_dump_of(d);
	int ret;

	*u = (struct uring_out){ .task = p->task,
				 .object = probe_object(p),
				 .id = f->entry->id,
				 .fd = fcntl(p->local, F_DUPFD_CLOEXEC, 0),
				 .e = arena_msg(dump_arena(d), CrtoolsUring, crtools_uring),
				 .next = x->rings };
	x->rings = u;
	if (u->fd < 0)
		return err_sys(dump_err(d), "fcntl", "can't keep a descriptor of a ring");
	ret = uring_info_parse(dump_arena(d), &p->info, &u->info);
	if (ret < 0)
		return err_set(dump_err(d), ERR_KERNEL, -ret, "can't read the fdinfo of %s",
			       u->object);
	if (hash_get(&x->by_ino, p->stat.st_ino))
		refuse(u,
		       "has its inode number in common with another ring, so that their areas "
		       "can't be told apart",
		       "use Linux 6.9 or later");
	hash_put(&x->by_ino, p->stat.st_ino, u);
	extras_add(d)->uring = u->e;
	u->e->has_id = u->e->has_flags = true;
	u->e->id = u->id;
	u->e->flags = p->info.flags & ~O_CLOEXEC;
	u->busy = under_way(u) != 0;
	uring_ask(u->fd, &u->setup);
	if (!u->setup.closed)
		judge_groups(u);
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
	uint32_t want = u->info.cached_cq_tail - u->info.cq_head + under_way(u);

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
		n += under_way(u) != 0;
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
		if (under_way(u))
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
		patience = (struct timespec){ PATIENCE / busy / 1000000000,
					      PATIENCE / busy % 1000000000 };
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
	bool groups = false;

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
		groups |= program_result(p, a->groups[i]) == 0;
	if (groups)
		refuse_groups(u);
	judge_known(u);
}

/* --- what the kernel's thread does ------------------------------------------------------------- */

static bool is_asleep(const struct uring_out *u)
{
	return __atomic_load_n(uring_word(&u->memory, u->memory.p.sq_off.flags), __ATOMIC_ACQUIRE) &
	       IORING_SQ_NEED_WAKEUP;
}

/* It looks for requests for a while before it sleeps; nobody wakes it now. */
static bool await_sleep(const struct uring_out *u)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	for (uint64_t waited = 0; !is_asleep(u); waited += moment.tv_nsec) {
		if (waited > 2 * PATIENCE)
			return false;
		nanosleep(&moment, NULL);
	}
	return true;
}

/* Of a thread that may run on one processor only: SQ_AFF. */
static void note_thread(struct uring_out *u)
{
	char path[64];
	_cleanup_file_ FILE *f = NULL;
	char line[256];
	unsigned int cpu;
	char rest;

	u->setup.flags |= IORING_SETUP_SQPOLL;
	snprintf(path, sizeof(path), "/proc/%lld/status", (long long)u->info.sq_thread);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Cpus_allowed_list: %u%c", &cpu, &rest) == 2 && rest == '\n' &&
		    sysconf(_SC_NPROCESSORS_ONLN) > 1) {
			u->setup.flags |= IORING_SETUP_SQ_AFF;
			u->e->has_sq_cpu = true;
			u->e->sq_cpu = cpu;
		}
}

/* Rings that were attached to another one have its thread. */
static void note_sharing(const struct uring_dump *x, struct uring_out *u)
{
	const struct uring_out *first = u;

	for (const struct uring_out *other = x->rings; other; other = other->next)
		if (other->info.sq_thread == u->info.sq_thread && other->id < first->id)
			first = other;
	if (first == u)
		return;
	u->e->has_shares = true;
	u->e->shares = first->id;
}

/* --- what is under way ------------------------------------------------------------------------- */

/* A completion that says that more will come, and no last one behind it. */
static bool more_to_come(const struct uring_out *u)
{
	const struct io_uring_params *p = &u->memory.p;
	const unsigned char *cqes = u->memory.rings + p->cq_off.cqes;
	uint32_t tail = u->info.cached_cq_tail;
	struct hash last = { 0 };
	bool more = false;

	for (uint32_t back = 0; back < p->cq_entries; back++) {
		uint32_t at = (tail - 1 - back) & (p->cq_entries - 1);
		const struct io_uring_cqe *cqe = (const void *)(cqes + at * uring_cqe_size(p));
		uint64_t key = cqe->user_data ? cqe->user_data : UINT64_MAX;

		if (back == tail) /* none before */
			break;
		if (hash_get(&last, key))
			continue;
		hash_put(&last, key, u->memory.rings);
		more |= cqe->flags & IORING_CQE_F_MORE;
	}
	hash_free(&last);
	return more;
}

static void judge_rest(const struct uring_out *u)
{
	const struct uring_memory *m = &u->memory;
	uint32_t rest = under_way(u) - *uring_word(m, m->p.sq_off.dropped);

	if (u->info.overflow)
		refuse(u, "has more completions than its queue has room for",
		       "dump when the program has taken some");
	else if (rest > INT32_MAX)
		refuse(u,
		       "has made more completions than it was given requests (multishot, zero "
		       "copy, messages of other rings): what is under way can't be told",
		       "dump when the program has closed it");
	else if (rest)
		refuse(u,
		       arena_printf(dump_arena(u->task->dump),
				    "has %u requests under way, or they made no completions: "
				    "they did not end in a second",
				    rest),
		       "dump when the program waits for nothing, or have it cancel them");
	else if (u->info.armed || more_to_come(u))
		refuse(u, "has a request under way that goes on by itself (multishot)",
		       "have the program cancel it");
}

/* --- what is registered ------------------------------------------------------------------------ */

static bool is_mapped(const struct dump_task *t, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < t->n_vmas && start < end; i++)
		if (t->vmas[i].vma->start <= start && start < t->vmas[i].vma->end)
			start = t->vmas[i].vma->end;
	return start >= end;
}

static void note_buffers(struct uring_out *u)
{
	struct arena *a = dump_arena(u->task->dump);

	for (uint64_t i = 0; i < u->info.n_buffers; i++) {
		CrtoolsUringBuffer *b = arena_msg(a, CrtoolsUringBuffer, crtools_uring_buffer);
		uint64_t addr = (uintptr_t)u->info.buffers[i].iov_base;

		b->has_addr = b->has_len = true;
		b->addr = addr;
		b->len = u->info.buffers[i].iov_len;
		arena_push(a, u->e->buffer, u->e->n_buffer, b);
		if (b->len && !is_mapped(u->task, addr, addr + b->len)) {
			refuse(u, "has a buffer registered that the program has unmapped since",
			       "");
			return;
		}
	}
}

/* The file that all descriptors in the tree with that name lead to; 0: none, or there are several. */
static uint32_t file_by_name(const struct dump *d, const char *name)
{
	uint32_t found = 0;

	for (size_t i = 0; i < d->n_tasks; i++) {
		const struct dump_task *t = d->tasks[i];

		for (size_t k = 0; t->table && t->table->owner == t && k < t->table->n_fds; k++) {
			const FdinfoEntry *e = t->table->fds[k];
			char link[32], path[4096];
			ssize_t n;

			snprintf(link, sizeof(link), "fd/%u", e->fd);
			n = readlinkat(t->stop->proc.fd, link, path, sizeof(path) - 1);
			if (n <= 0 || (size_t)n != strlen(name) || memcmp(path, name, n))
				continue;
			if (found && found != e->id)
				return 0;
			found = e->id;
		}
	}
	return found;
}

static void note_files(struct uring_out *u)
{
	struct dump *d = u->task->dump;

	for (uint64_t i = 0; i < u->info.n_files; i++) {
		const char *name = u->info.files[i];
		uint32_t id = name ? file_by_name(d, name) : 0;

		arena_push(dump_arena(d), u->e->file, u->e->n_file, id);
		if (name && !id)
			refuse(u,
			       arena_printf(dump_arena(d),
					    "has %s registered, which no descriptor of the tree "
					    "leads to, or several with that name do",
					    name),
			       "have the program keep the descriptor open");
	}
}

static void note_event(struct uring_out *u)
{
	if (!u->setup.event)
		return;
	u->e->has_event = true;
	u->e->event = uring_event_file(u->task->dump, u);
	if (!u->e->event)
		refuse(u, "signals an eventfd to which no descriptor of the tree leads",
		       "have the program keep the descriptor open");
}

/* --- all together ------------------------------------------------------------------------------ */

static ProtobufCBinaryData without_zeroes(unsigned char *data, size_t len)
{
	while (len && !data[len - 1])
		len--;
	return (ProtobufCBinaryData){ len, data };
}

static void fill_entry(struct uring_out *u)
{
	const struct io_uring_params *p = &u->memory.p;
	unsigned char *layout =
		arena_alloc(dump_arena(u->task->dump), sizeof(p->sq_off) + sizeof(p->cq_off));
	CrtoolsUring *e = u->e;

	memcpy(layout, &p->sq_off, sizeof(p->sq_off));
	memcpy(layout + sizeof(p->sq_off), &p->cq_off, sizeof(p->cq_off));
	e->has_setup = e->has_sq_entries = e->has_cq_entries = true;
	e->has_layout = e->has_rings = e->has_sqes = true;
	e->setup = u->setup.flags;
	e->sq_entries = u->info.sq_entries;
	e->cq_entries = u->info.cq_entries;
	e->layout = (ProtobufCBinaryData){ sizeof(p->sq_off) + sizeof(p->cq_off), layout };
	e->rings = without_zeroes(u->memory.rings, u->memory.rings_len);
	e->sqes = without_zeroes(u->memory.sqes, u->memory.sqes_len);
}

/* Only Linux 6.13 and later tell. */
static bool can_tell_deferred(void)
{
	struct io_uring_params p = { .flags = IORING_SETUP_SINGLE_ISSUER |
					      IORING_SETUP_DEFER_TASKRUN };
	_cleanup_fd_ int fd = syscall(SYS_io_uring_setup, 1, &p);

	return fd >= 0 &&
	       syscall(SYS_io_uring_register, fd, URING_REGISTER_RESIZE, (void *)1, 1) < 0 &&
	       errno == EFAULT;
}

/* Another thread than the first can't make a ring at the restore: so what it makes is for all, and
 * does its work at any time. */
static void give_to_all(struct uring_out *u)
{
	if (u->setup.flags & IORING_SETUP_DEFER_TASKRUN)
		task_warn(
			u->task, u->object,
			"defers its work (IORING_SETUP_DEFER_TASKRUN) to a thread that is not the "
			"first one: it will be done at any time",
			"");
	u->setup.flags &= ~(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	u->e->has_maker = false;
}

static void judge_maker(struct uring_out *u)
{
	if (!u->setup.closed)
		return;
	if (!u->e->has_maker)
		refuse(u,
		       "is for one thread only (IORING_SETUP_SINGLE_ISSUER), which is not in the "
		       "tree",
		       "have the program close it");
	else if (!can_tell_deferred())
		refuse(u,
		       "is for one thread only (IORING_SETUP_SINGLE_ISSUER), and this kernel "
		       "does not tell whether it defers its work (IORING_SETUP_DEFER_TASKRUN)",
		       "use Linux 6.13 or later");
	else if ((pid_t)u->e->maker != u->task->vpid)
		give_to_all(u);
}

static int read_again(struct dump *d, struct uring_out *u)
{
	int ret = uring_info_own(dump_arena(d), u->fd, &u->info);

	return ret < 0 ? err_set(dump_err(d), ERR_KERNEL, -ret, "can't read the fdinfo of %s",
				 u->object)
		       : 0;
}

/* A thread of the kernel's is not frozen with the tree. */
static int settle_thread(struct dump *d, const struct uring_dump *x, struct uring_out *u,
			 bool *ret_rests)
{
	struct io_uring_params p = { .sq_entries = u->info.sq_entries,
				     .cq_entries = u->info.cq_entries };
	int ret = uring_layout(&p);

	note_thread(u);
	note_sharing(x, u);
	if (ret == 0)
		ret = uring_map_header(u->fd, &p, &u->memory);
	if (ret < 0)
		return err_set(dump_err(d), ERR_KERNEL, -ret, "can't map %s", u->object);
	*ret_rests = await_sleep(u);
	uring_unmap(&u->memory);
	if (!*ret_rests)
		refuse(u, "is polled by a thread of the kernel that does not come to rest",
		       "set it up with a shorter sq_thread_idle");
	ret = read_again(d, u);
	if (ret == 0 && u->info.sq_tail != u->info.cached_sq_head)
		refuse(u, "has requests that its thread of the kernel was not woken up for",
		       "try again");
	return ret;
}

static int settle(struct dump *d, struct uring_dump *x, struct uring_out *u)
{
	bool rests = !(u->setup.flags & IORING_SETUP_R_DISABLED) && !u->setup.unmappable;
	int ret = read_again(d, u);

	judge_maker(u);
	if (ret == 0 && rests && u->info.sq_thread >= 0)
		ret = settle_thread(d, x, u, &rests);
	if (ret < 0 || !rests)
		return ret;
	ret = uring_look(d, u);
	if (ret < 0)
		return ret;
	if (u->setup.mixed)
		refuse(u,
		       "has completions of two sizes (IORING_SETUP_CQE_MIXED), which this "
		       "version can't keep",
		       "");
	judge_rest(u);
	note_buffers(u);
	note_files(u);
	note_event(u);
	fill_entry(u);
	return 0;
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
		ret = settle(t->dump, x, u);
	return ret;
}

/* --- restore ----------------------------------------------------------------------------------- */

static int emit(struct restore_task *t)
{
	int ret = uring_area_emit(t);

	return ret < 0 ? ret : uring_buffers_emit(t);
}

const struct file_class uring_class = {
	.name = "io_uring",
	.type = FD_TYPES__CRTOOLS_URING,
	.match = uring_match,
	.collect = uring_collect,
	.check = uring_check,
	.open = uring_open,
	.attach = uring_attach,
};

const struct state_class uring_state = {
	.name = "rings of io_uring",
	.collect = collect,
	.examine = uring_area_name,
	.absorb = absorb,
	.emit = emit,
	.emit_thread = uring_indexes_emit,
};
