/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings at a restore. Kernel and program count requests and completions, each for itself, modulo
 * 2^32, and the kernel's counts start at 0: so a new ring is driven to those of the old one
 * (uring_drive.h), and then given its contents.
 *
 * Of flags that the dump could not tell (without the kernel's memory), those are set that hold back
 * nothing which the program may wait for:
 *
 *	SUBMIT_ALL	a request that is wrong does not keep those behind it from being submitted
 *	TASKRUN_FLAG	with DEFER_TASKRUN, the ring says that there is work to be done
 *
 * and those are left out that only save time: COOP_TASKRUN, HYBRID_IOPOLL.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "objects/extras.h"
#include "objects/fown.h"
#include "objects/restored.h"
#include "objects/uring/uring_drive.h"

#define KNOWN_FLAGS                                                                                \
	(URING_LAYOUT_FLAGS | IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF | IORING_SETUP_IOPOLL |    \
	 IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | URING_MANNER_FLAGS)
#define STATUS_FLAGS (O_NONBLOCK | O_APPEND | O_NOATIME)
#define ID_TRIES     100

/* --- check ------------------------------------------------------------------------------------ */

const struct uring_in *uring_in_of(struct restore_file *f)
{
	return f->entry->type == FD_TYPES__CRTOOLS_URING ? f->priv : NULL;
}

static int corrupt(struct restore *r, const struct restore_file *f, const char *what)
{
	return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
		       "crtools-files.img: io_uring %u has %s", f->id, what);
}

static const CrtoolsUring *find_entry(CrtoolsFileEntry **list, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++)
		if (list[i]->uring && list[i]->uring->id == id)
			return list[i]->uring;
	return NULL;
}

static bool is_power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

static bool fits(const CrtoolsUring *e)
{
	return is_power_of_two(e->sq_entries) && is_power_of_two(e->cq_entries) &&
	       e->sq_entries <= e->cq_entries && e->cq_entries <= URING_ENTRIES_MAX &&
	       !(e->setup & ~KNOWN_FLAGS) && e->fown && uring_requests_fit(e) &&
	       uring_groups_fit(e) &&
	       e->layout.len == sizeof(struct io_sqring_offsets) + sizeof(struct io_cqring_offsets);
}

static const char *object_of(struct restore *r, const struct restore_file *f)
{
	return arena_printf(restore_arena(r), "io_uring %u", f->id);
}

static void check_layout(struct restore *r, const struct restore_file *f, struct uring_in *in)
{
	int ret = uring_layout(&in->p);
	const unsigned char *layout = in->e->layout.data;

	if (ret < 0)
		report_refuse(
			&r->s->report, 0, object_of(r, f),
			arena_printf(restore_arena(r), "can't be made here: %s", strerror(-ret)),
			"check kernel.io_uring_disabled, or use a kernel as that of the dump");
	else if (memcmp(layout, &in->p.sq_off, sizeof(in->p.sq_off)) ||
		 memcmp(layout + sizeof(in->p.sq_off), &in->p.cq_off, sizeof(in->p.cq_off)))
		report_refuse(&r->s->report, 0, object_of(r, f),
			      "is laid out in another way by this kernel, and the program has "
			      "read the old one",
			      "restore on the kernel of the dump");
}

static int check_files(struct restore *r, struct restore_file *f, const CrtoolsUring *e)
{
	for (size_t i = 0; i < e->n_file; i++) {
		struct restore_file *file = e->file[i] ? restore_file_by_id(r, e->file[i]) : NULL;

		if (e->file[i] && (!file || file == f))
			return corrupt(r, f, "a registered file that is not there");
		if (file)
			restore_group(r, f, file);
	}
	if (e->has_event) {
		struct restore_file *event = restore_file_by_id(r, e->event);

		if (!event || event->entry->type != FD_TYPES__EVENTFD)
			return corrupt(r, f, "an eventfd that is not there");
		restore_group(r, f, event);
	}
	if (e->has_shares) {
		struct restore_file *other = restore_file_by_id(r, e->shares);

		if (!other || other == f || other->entry->type != FD_TYPES__CRTOOLS_URING ||
		    e->shares >= f->id)
			return corrupt(r, f, "a thread of a ring that is not there");
		restore_group(r, f, other);
	}
	return 0;
}

int uring_check(struct restore *r, struct restore_file *f)
{
	struct uring_in *in = arena_new(restore_arena(r), struct uring_in);
	CrtoolsFileEntry **list;
	size_t n;
	int ret = extras_read(r, &list, &n);

	if (ret < 0)
		return ret;
	*in = (struct uring_in){ .e = find_entry(list, n, f->id) };
	if (!in->e || !fits(in->e))
		return corrupt(r, f, "no entry that makes sense");
	f->priv = in;
	in->p = (struct io_uring_params){ .sq_entries = in->e->sq_entries,
					  .cq_entries = in->e->cq_entries,
					  .flags = in->e->setup & URING_LAYOUT_FLAGS };
	check_layout(r, f, in);
	for (size_t i = 0; i < in->e->n_index; i++)
		if (in->e->index[i]->index >= URING_INDEXES)
			return corrupt(r, f, "an index that is too high");
	fown_check(r, f, in->e->fown, object_of(r, f));
	return check_files(r, f, in->e);
}

/* --- open ------------------------------------------------------------------------------------- */

static int failed(struct restore_task *t, const struct restore_file *f, const char *call,
		  const char *what)
{
	return err_sys(restore_err(t->r), call, "io_uring %u: can't %s", f->id, what);
}

static int set_up(const CrtoolsUring *e, int attach, struct io_uring_params *p)
{
	*p = (struct io_uring_params){ .flags = e->setup | IORING_SETUP_CQSIZE,
				       .cq_entries = e->cq_entries };
	if (!e->exact)
		p->flags |= IORING_SETUP_SUBMIT_ALL;
	if (!e->exact && e->setup & IORING_SETUP_DEFER_TASKRUN)
		p->flags |= IORING_SETUP_TASKRUN_FLAG;
	if (e->setup & IORING_SETUP_SQ_AFF)
		p->sq_thread_cpu = e->sq_cpu;
	if (attach >= 0) {
		p->flags |= IORING_SETUP_ATTACH_WQ;
		p->wq_fd = attach;
	}
	return syscall(SYS_io_uring_setup, e->sq_entries, p);
}

/* The kernel gives its thread the next free id, which may be one that is to be restored yet. */
static bool took_an_id(struct restore_task *t, int fd)
{
	struct uring_info info;

	return uring_info_own(restore_arena(t->r), fd, &info) == 0 && info.sq_thread > 0 &&
	       (hash_get(&t->r->thread_ids, info.sq_thread) ||
		hash_get(&t->r->task_by_pid, info.sq_thread));
}

static int make(struct restore_task *t, const struct restore_file *f, const CrtoolsUring *e,
		int attach, struct io_uring_params *p, int *ret_fd)
{
	int taken[ID_TRIES], n = 0, fd = set_up(e, attach, p);

	while (fd >= 0 && e->setup & IORING_SETUP_SQPOLL && attach < 0 && took_an_id(t, fd) &&
	       n < ID_TRIES) {
		taken[n++] = fd;
		fd = set_up(e, attach, p);
	}
	while (n--)
		close(taken[n]);
	if (fd < 0)
		return failed(t, f, "io_uring_setup", "make it (see kernel.io_uring_disabled)");
	*ret_fd = fd;
	return 0;
}

static int bring_there(struct restore_task *t, const struct restore_file *f,
		       const struct uring_in *in, int fd)
{
	struct drive v = { .fd = fd, .polled = in->e->setup & IORING_SETUP_SQPOLL };
	int ret = uring_map(fd, &in->p, &v.m);

	for (size_t i = 0; ret == 0 && i < in->e->n_group; i++)
		ret = uring_give_out(t, &v, in->e->group[i]);
	if (ret == 0)
		ret = uring_provide(&v, in->e);
	if (ret == 0)
		ret = uring_drive(&v, in->e);
	if (ret == 0)
		uring_fill(&v, in->e);
	uring_unmap(&v.m);
	if (ret == 0)
		return 0;
	errno = -ret;
	return failed(t, f, "io_uring_enter", "bring it to where it was");
}

/* One with buffers to give out needs the memory that these are in. */
int uring_prepare(struct restore_task *t)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < t->n_own; i++) {
		const struct uring_in *in = uring_in_of(t->own[i]);

		if (in && in->e->n_group)
			ret = bring_there(t, t->own[i], in, t->own[i]->stage_fd);
	}
	return ret;
}

int uring_open(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	const struct uring_in *in = f->priv;
	const struct restore_file *shared =
		in->e->has_shares ? restore_file_by_id(t->r, in->e->shares) : NULL;
	struct io_uring_params p;
	_cleanup_fd_ int fd = -1;
	int flags, ret;

	if (shared && !shared->open)
		return -EAGAIN;
	if (in->e->has_maker && (pid_t)in->e->maker != t->vpid)
		return corrupt(t->r, f, "a thread of its own that does not make it");
	ret = make(t, f, in->e, shared ? shared->stage_fd : -1, &p, &fd);
	if (ret == 0 && !in->e->n_group)
		ret = bring_there(t, f, in, fd);
	if (ret < 0)
		return ret;
	flags = fcntl(fd, F_GETFL);
	if (fcntl(fd, F_SETFL, (flags & ~STATUS_FLAGS) | (in->e->flags & STATUS_FLAGS)) < 0)
		return failed(t, f, "fcntl", "set its flags");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

/* --- what is registered ------------------------------------------------------------------------ */

int uring_attach(struct restore_task *t, struct restore_file *f, int fd)
{
	const CrtoolsUring *e = ((const struct uring_in *)f->priv)->e;
	int32_t *fds = arena_array(restore_arena(t->r), int32_t, e->n_file + 1);

	for (size_t i = 0; i < e->n_file; i++)
		fds[i] = e->file[i] ? restore_file_by_id(t->r, e->file[i])->stage_fd : -1;
	if (e->n_file &&
	    syscall(SYS_io_uring_register, fd, IORING_REGISTER_FILES, fds, e->n_file) < 0)
		return failed(t, f, "io_uring_register", "register its files");
	if (e->has_event &&
	    syscall(SYS_io_uring_register, fd,
		    e->event_async ? IORING_REGISTER_EVENTFD_ASYNC : IORING_REGISTER_EVENTFD,
		    &restore_file_by_id(t->r, e->event)->stage_fd, 1) < 0)
		return failed(t, f, "io_uring_register", "register its eventfd");
	return fown_attach(t, f, e->fown, 0, fd);
}

static void register_buffers(struct restore_task *t, const struct restore_fd *fd,
			     const CrtoolsUring *e)
{
	struct program *p = t->threads[0].prog;
	struct iovec *list = arena_array(restore_arena(t->r), struct iovec, e->n_buffer);

	for (size_t i = 0; i < e->n_buffer; i++)
		list[i] =
			(struct iovec){ (void *)(uintptr_t)e->buffer[i]->addr, e->buffer[i]->len };
	program_stage(p, STAGE_TASK); /* behind STAGE_PROTECT: memory is as it was */
	program_note(p, "buffers of ring %u (RLIMIT_MEMLOCK)", fd->file->id);
	program_do(p, SYS_io_uring_register, IMM(fd->e->fd), IMM(IORING_REGISTER_BUFFERS),
		   AREA(area_put(p->area, list, e->n_buffer * sizeof(*list))), IMM(e->n_buffer));
}

int uring_buffers_emit(struct restore_task *t)
{
	for (size_t i = 0; t->table && i < t->table->n_fds; i++) {
		const struct restore_fd *fd = &t->table->fds[i];
		const struct uring_in *in = uring_in_of(fd->file);
		bool first = true;

		if (!in || !in->e->n_buffer || fd->file->owner != t)
			continue;
		for (size_t k = 0; k < i; k++)
			first &= t->table->fds[k].file != fd->file;
		if (first)
			register_buffers(t, fd, in->e);
	}
	return 0;
}

static void register_index(struct restore_thread *th, const struct restore_fd *fd, uint32_t index)
{
	const struct io_uring_rsrc_update update = { .offset = index, .data = fd->e->fd };
	struct program *p = th->prog;

	program_stage(p, STAGE_THREAD);
	program_note(p, "index of ring %u", fd->file->id);
	program_want(p,
		     program_call(p, SYS_io_uring_register, IMM(fd->e->fd),
				  IMM(IORING_REGISTER_RING_FDS),
				  AREA(area_put(p->area, &update, sizeof(update))), IMM(1)),
		     1);
}

int uring_indexes_emit(struct restore_thread *th)
{
	const struct restore_table *table = th->task->table;

	for (size_t i = 0; table && i < table->n_fds; i++) {
		const struct uring_in *in = uring_in_of(table->fds[i].file);
		bool again = false;

		for (size_t k = 0; in && k < i; k++)
			again |= table->fds[k].file == table->fds[i].file;
		for (size_t k = 0; in && !again && k < in->e->n_index; k++)
			if ((pid_t)in->e->index[k]->tid == th->vtid)
				register_index(th, &table->fds[i], in->e->index[k]->index);
	}
	return 0;
}
