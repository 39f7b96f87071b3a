/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be known of a ring when the agent has been there: its thread, what is under way, what
 * is registered, and its memory. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "objects/uring/uring_kernel.h"

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
		if (waited > 2 * URING_PATIENCE)
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

/* Of a ring of which the kernel does not tell how many there are. */
static void judge_uncounted(const struct uring_out *u)
{
	const struct uring_memory *m = &u->memory;
	uint32_t rest = uring_under_way(u) - *uring_word(m, m->p.sq_off.dropped);

	if (rest > INT32_MAX)
		uring_refuse(
			u,
			"has made more completions than it was given requests (multishot, zero "
			"copy, messages of other rings): what is under way can't be told",
			"dump when the program has closed it");
	else if (rest > u->pending.n)
		uring_refuse(u,
			     arena_printf(dump_arena(u->task->dump),
					  "has %u requests under way, or they made no completions: "
					  "they did not end in a second",
					  rest),
			     "dump when the program waits for nothing, or have it cancel them");
	else if (!u->pending.known && (u->info.armed || more_to_come(u)))
		uring_refuse(u, "has a request under way that goes on by itself (multishot)",
			     "have the program cancel it");
	else if (rest < u->pending.n)
		uring_refuse(
			u, "has requests under way that make more completions than one (multishot)",
			"have the program cancel them");
}

static void judge_others(const struct uring_out *u)
{
	const struct uring_pending *f = &u->pending;

	if (f->others)
		uring_refuse(
			u,
			arena_printf(dump_arena(u->task->dump),
				     "has %u requests under way that did not end in a second and "
				     "can't be kept: one %s",
				     f->others, f->why),
			"dump when the program waits for nothing, or have it cancel them");
	else if (f->of_several)
		uring_refuse(u, "has requests under way of several processes",
			     "have the program use one ring for each process");
	else if (u->setup.flags & IORING_SETUP_SQPOLL && f->n > u->info.sq_entries)
		uring_refuse(u, "has more requests under way than fit in its queue",
			     "set it up with more entries");
}

/* What is under way? */
static void judge_rest(struct uring_out *u)
{
	struct uring_pending *f = &u->pending;

	if (uring_under_way(u) || u->info.armed || more_to_come(u))
		uring_pending_read(u);
	else
		*f = (struct uring_pending){ 0 };
	if (u->info.overflow)
		uring_refuse(u, "has more completions than its queue has room for",
			     "dump when the program has taken some");
	else if (u->setup.event && u->done != u->info.cached_cq_tail)
		uring_refuse(u,
			     "signals an eventfd, and has done requests while the tree was dumped",
			     "try again");
	else if (!f->counted)
		judge_uncounted(u);
	judge_others(u);
	u->e->request = f->list;
	u->e->n_request = f->n;
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
			uring_refuse(u,
				     "has a buffer registered that the program has unmapped since",
				     "");
			return;
		}
	}
}

static void note_event(struct uring_out *u)
{
	if (!u->setup.event)
		return;
	u->e->has_event = true;
	u->e->event = uring_event_file(u->task->dump, u);
	if (!u->e->event)
		uring_refuse(u, "signals an eventfd to which no descriptor of the tree leads",
			     "have the program keep the descriptor open");
}

static void note_groups(struct uring_out *u)
{
	uint64_t taken;

	if (!u->setup.groups)
		return;
	if (uring_groups_read(u) < 0)
		uring_refuse_groups(u);
	taken = u->e->n_provided; /* each takes a request */
	for (size_t i = 0; i < u->e->n_group; i++)
		taken += u->e->group[i]->head;
	if (taken + u->e->n_request > u->info.cached_sq_head || taken > u->info.cached_cq_tail)
		uring_refuse(u,
			     "has given out more buffers than it was given requests, which can't "
			     "be brought about again",
			     "dump when the program has made more requests, or have it receive "
			     "by one request for each buffer");
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
	e->has_exact = e->exact = u->setup.exact;
	e->setup = u->setup.flags;
	if (!(e->setup & (IORING_SETUP_COOP_TASKRUN | IORING_SETUP_DEFER_TASKRUN)))
		e->setup &= ~IORING_SETUP_TASKRUN_FLAG; /* it no longer defers its work */
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
		uring_refuse(
			u,
			"is for one thread only (IORING_SETUP_SINGLE_ISSUER), which is not in the "
			"tree",
			"have the program close it");
	else if (!can_tell_deferred())
		uring_refuse(
			u,
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
		uring_refuse(u, "is polled by a thread of the kernel that does not come to rest",
			     "set it up with a shorter sq_thread_idle");
	ret = read_again(d, u);
	if (ret == 0 && u->info.sq_tail != u->info.cached_sq_head)
		uring_refuse(u, "has requests that its thread of the kernel was not woken up for",
			     "try again");
	return ret;
}

int uring_settle(struct dump *d, struct uring_dump *x, struct uring_out *u)
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
		uring_refuse(u,
			     "has completions of two sizes (IORING_SETUP_CQE_MIXED), which this "
			     "version can't keep",
			     "dump before the program makes the ring, or when it has closed it");
	judge_rest(u);
	note_buffers(u);
	uring_files_note(u);
	note_event(u);
	note_groups(u);
	fill_entry(u);
	return 0;
}
