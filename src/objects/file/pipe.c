/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipes. All ends of one pipe that the tree has are opened by one task (their owners' common
 * ancestor), from one pipe2(2); an end that the tree does not have is closed again, so that readers
 * see the end of file, and writers a broken pipe, as soon as all is restored.
 *
 * A pipe has one description of each end from pipe2; any other was opened through /proc/PID/fd, and
 * is known by O_LARGEFILE in its flags: pipe2 does not set it, open does (of 64-bit tasks). Such
 * ones are opened through /proc again.
 *
 * Kept: contents, bounds of packets, size, status flags, owners, which ends there are. A pipe
 * that --inherit-fd replaces (key pipe:[ID]) loses its contents: they belong to the old one.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "kernel/proc/fd.h"
#include "objects/file/file.h"

#define STATUS_FLAGS (O_NONBLOCK | O_DIRECT | O_APPEND | O_NOATIME)

/* --- dump ----------------------------------------------------------------------------------------
 */

static bool pipe_match(const struct file_probe *p)
{
	return p->fd >= 0 && S_ISFIFO(p->stat.st_mode) && p->fs_magic == PIPEFS_MAGIC &&
	       !(p->info.flags & O_PATH);
}

/* O_NOTIFICATION_PIPE (CONFIG_WATCH_QUEUE): the kernel refuses each change of its size (EBUSY),
 * before it looks at the size. One that no pipe may have (EINVAL) changes nothing in any case. */
static bool is_notification_pipe(const struct file_probe *p)
{
	return fcntl(probe_local(p), F_SETPIPE_SZ, PIPE_SIZE_MAX + 1) < 0 && errno == EBUSY;
}

static int pipe_ask(const struct file_probe *p, const struct reader *r, void **ret)
{
	bool *notifies = arena_new(r->brief, bool);

	*notifies = is_notification_pipe(p);
	*ret = notifies;
	return 0;
}

static int pipe_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	PipeEntry *e = arena_msg(dump_arena(d), PipeEntry, pipe_entry);
	int ret;

	if (*(const bool *)p->answers)
		task_refuse(p->task, probe_object(p),
			    "is a notification pipe, whose filter and watches can't be read out of "
			    "the kernel",
			    "close it before the dump");
	f->entry->pipe = e;
	e->id = f->entry->id;
	e->flags = p->info.flags & ~O_CLOEXEC;
	ret = pipe_data_note(d, SLOT_PIPE, p, &e->pipe_id);
	return ret < 0 ? ret : fown_collect(d, p, &e->fown);
}

static int pipe_write(struct dump *d, struct dump_file *f)
{
	(void)f;
	return files_out_write(d);
}

/* --- restore
 * --------------------------------------------------------------------------------------- */

static bool is_writer(const struct restore_file *f)
{
	return (f->entry->pipe->flags & O_ACCMODE) == O_WRONLY;
}

static bool is_reopened(const struct restore_file *f)
{
	return f->entry->pipe->flags & KERNEL_O_LARGEFILE ||
	       (f->entry->pipe->flags & O_ACCMODE) == O_RDWR;
}

static int pipe_check(struct restore *r, struct restore_file *f)
{
	const PipeEntry *e = f->entry->pipe;
	struct pipe_in *pi;
	const char *object;
	int ret;

	if (!e || e->id != f->id || !e->fown || (e->flags & O_ACCMODE) == O_ACCMODE)
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "files.img: the entry of pipe end %u makes no sense", f->id);
	ret = pipe_data_join(r, SLOT_PIPE, e->pipe_id, f, &pi);
	if (ret < 0)
		return ret;
	f->priv = pi;
	object = arena_numbered(restore_arena(r), "pipe:[", pi->id, "]");
	pi->inherit_asked = restore_inherit_fd(r, object) >= 0;
	fown_check(r, f, e->fown, object);
	return 0;
}

static int pipe_prepare(struct restore *r, struct restore_file *f)
{
	struct pipe_in *pi = f->priv;
	char key[32];

	if (pi->inherit_asked && pi->inherited < 0) {
		snprintf(key, sizeof(key), "pipe:[%u]", pi->id);
		pi->inherited = inherited_fd(r, key);
		if (pi->inherited < 0)
			return pi->inherited;
	}
	return pipe_data_prepare(r, SLOT_PIPE);
}

static int reopen_end(struct restore_task *t, const struct restore_file *f, int from, int *ret_fd)
{
	const PipeEntry *e = f->entry->pipe;

	*ret_fd = fd_reopen(from, (e->flags & (O_ACCMODE | STATUS_FLAGS)) | O_NONBLOCK);
	if (*ret_fd >= 0)
		return 0;
	errno = -*ret_fd;
	return err_sys(restore_err(t->r), "open", "can't open the pipe %u through /proc",
		       e->pipe_id);
}

/* Does another end of the tree, not opened yet, want the one from pipe2? */
static bool is_wanted(const struct pipe_in *pi, const struct restore_file *but, bool writer)
{
	for (size_t i = 0; i < pi->n_ends; i++) {
		const struct restore_file *f = pi->ends[i];

		if (f != but && f->owner && !f->open && !is_reopened(f) && is_writer(f) == writer)
			return true;
	}
	return false;
}

/* A pipe belongs to the user who made it, which here the tool still is. That counts only for
 * whoever opens it through /proc, so a tool without the right leaves it. */
static void give_to_owner(const struct restore_task *t, int fd)
{
	const CredsEntry *creds = t->n_threads ? t->threads[0].core->thread_core->creds : NULL;

	if (creds && (creds->fsuid != geteuid() || creds->fsgid != getegid()) &&
	    fchown(fd, creds->fsuid, creds->fsgid) < 0)
		log_debug("pipe: can't give it to user %u", creds->fsuid);
}

static int keep_spare(struct restore_task *t, struct pipe_in *pi, const struct restore_file *f,
		      int ends[2], bool writer)
{
	if (ends[writer] < 0 || !is_wanted(pi, f, writer))
		return 0;
	pi->spare[writer] = service_fd(t->r, TAKE_FD(ends[writer]));
	return pi->spare[writer] < 0 ? pi->spare[writer] : 0;
}

static int make_pipe(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	struct pipe_in *pi = f->priv;
	_cleanup_fd_ int first = -1;
	int ends[2], ret;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_sys(restore_err(t->r), "pipe2", "can't make the pipe %u", pi->id);
	give_to_owner(t, ends[0]);
	ret = pipe_data_fill(t, SLOT_PIPE, pi, ends[1]);
	if (ret == 0 && is_reopened(f))
		ret = reopen_end(t, f, ends[is_writer(f)], &first);
	else if (ret == 0)
		first = TAKE_FD(ends[is_writer(f)]);
	if (ret == 0)
		ret = keep_spare(t, pi, f, ends, false);
	if (ret == 0)
		ret = keep_spare(t, pi, f, ends, true);
	close_fd(&ends[0]);
	close_fd(&ends[1]);
	if (ret == 0)
		*ret_fd = TAKE_FD(first);
	return ret;
}

/* Any end that this task has open already leads to the pipe. */
static int open_end_of(const struct pipe_in *pi)
{
	for (size_t i = 0; i < pi->n_ends; i++)
		if (pi->ends[i]->open)
			return pi->ends[i]->stage_fd;
	return -1;
}

static int set_flags(struct restore_task *t, const PipeEntry *e, int fd)
{
	int want = e->flags & STATUS_FLAGS, now = fcntl(fd, F_GETFL);

	if (now >= 0 && (now & STATUS_FLAGS) == want)
		return 0;
	if (now < 0 || fcntl(fd, F_SETFL, want) < 0)
		return err_sys(restore_err(t->r), "fcntl",
			       "can't set the flags of the pipe %u to 0%o", e->pipe_id, want);
	return 0;
}

static int pipe_open(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	struct pipe_in *pi = f->priv;
	int from = open_end_of(pi), ret = 0;
	_cleanup_fd_ int fd = -1;
	bool writer = is_writer(f);

	if (pi->inherited >= 0)
		ret = reopen_end(t, f, pi->inherited, &fd);
	else if (from < 0)
		ret = make_pipe(t, f, &fd);
	else if (!is_reopened(f) && pi->spare[writer] >= 0)
		fd = TAKE_FD(pi->spare[writer]);
	else
		ret = reopen_end(t, f, from, &fd);
	if (ret == 0)
		ret = set_flags(t, f->entry->pipe, fd);
	if (ret == 0)
		*ret_fd = TAKE_FD(fd);
	return ret;
}

static int pipe_attach(struct restore_task *t, struct restore_file *f, int fd)
{
	return fown_attach(t, f, f->entry->pipe->fown, f->entry->pipe->flags, fd);
}

static int pipe_examine(struct dump *d, struct dump_file *f)
{
	(void)f;
	return pipe_data_examine(d);
}

const struct file_class pipe_class = {
	.name = "pipe",
	.type = FD_TYPES__PIPE,
	.match = pipe_match,
	.ask = pipe_ask,
	.collect = pipe_collect,
	.write = pipe_write,
	.examine = pipe_examine,
	.check = pipe_check,
	.prepare = pipe_prepare,
	.open = pipe_open,
	.attach = pipe_attach,
};
