/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors in a forked task: open, attach, move to their numbers; and at the end close the rest.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/restore/restore.h"
#include "kernel/pidfd.h"
#include "objects/registry.h"

/*
 * A file that nobody else has goes to its number at once, unless something of the tool is there
 * still: then, and if others are to have it, it waits at a service number for settle_files().
 * Nobody is forked any more once such files are opened.
 */
static int stage(struct restore_task *t, const struct restore_file *f, int fd)
{
	const FdinfoEntry *e = f->first;
	bool cloexec = e && e->flags & FD_CLOEXEC;
	int at;

	if (!e || f->shared || f->late || t->shares_table)
		return service_fd(t->r, fd);
	if (fd == (int)e->fd)
		at = f->plain || cloexec || fcntl(fd, F_SETFD, 0) == 0 ? fd : -1;
	else
		at = fcntl(fd, cloexec ? F_DUPFD_CLOEXEC : F_DUPFD, e->fd);
	if (at != (int)e->fd) {
		close_fd(&at);
		return service_fd(t->r, fd);
	}
	if (at != fd)
		close_fd(&fd);
	return at;
}

static int open_file(struct restore_task *t, struct restore_file *f)
{
	int fd = -1, ret;

	if (f->late)
		task_wait(t->r, &t->r->shared->born, t->r->n_tasks);
	ret = f->class->open(t, f, &fd);
	if (ret < 0)
		return ret;
	f->stage_fd = stage(t, f, fd);
	if (f->stage_fd < 0)
		return f->stage_fd;
	f->open = true;
	if (f->late)
		t->r->late_fds[f->index] = f->stage_fd;
	return 0;
}

/* A shared file that could be opened only after its heirs were born: they fetch it. */
static int fetch_late(struct restore_task *t, struct restore_file *f)
{
	_cleanup_fd_ int pidfd = pidfd_open_pid(f->owner->vpid, restore_err(t->r));
	int fd;

	if (pidfd < 0)
		return pidfd;
	fd = pidfd_get(pidfd, t->r->late_fds[f->index], restore_err(t->r));
	if (fd < 0)
		return fd;
	f->stage_fd = service_fd(t->r, fd);
	f->open = f->stage_fd >= 0;
	return f->open ? 0 : f->stage_fd;
}

/* Files may wait for each other (-EAGAIN): again, as long as a turn brings one forward. */
int open_files(struct restore_task *t, bool for_children)
{
	bool all = t->shares_table;
	struct follower *follower = for_children ? NULL : follow_start(t);
	size_t waiting, opened;
	int ret;

	do {
		waiting = opened = 0;
		for (size_t i = 0; i < t->n_own; i++) {
			struct restore_file *f = t->own[i];

			if (f->open || (for_children && ((!f->shared && !all) || f->late)))
				continue;
			ret = open_file(t, f);
			if (ret == -EAGAIN)
				waiting++;
			else if (ret < 0)
				return err_set(restore_err(t->r), ERR_KERNEL, -ret,
					       "can't restore file %u (%s)", f->id, f->class->name);
			else
				opened++;
		}
	} while (waiting && opened);
	if (waiting && !for_children)
		return err_set(restore_err(t->r), ERR_IMAGE_CORRUPT, ELOOP,
			       "%zu files of task %d wait for each other", waiting, t->vpid);
	ret = follow_end(follower);
	return ret < 0 ? ret : furnish_files(t, for_children);
}

int attach_files(struct restore_task *t)
{
	for (size_t i = 0; i < t->n_own; i++) {
		struct restore_file *f = t->own[i];
		int ret = f->class->attach ? f->class->attach(t, f, f->stage_fd) : 0;

		if (ret < 0)
			return err_set(restore_err(t->r), ERR_KERNEL, -ret,
				       "can't complete file %u (%s)", f->id, f->class->name);
	}
	return 0;
}

/* Numbers that tasks want are never in use by the tool, so the order does not matter. */
int settle_files(struct restore_task *t)
{
	if (!t->table || t->table->owner != t)
		return 0;
	for (size_t i = 0; i < t->table->n_fds; i++) {
		const FdinfoEntry *e = t->table->fds[i].e;
		struct restore_file *f = t->table->fds[i].file;
		int ret = f->open ? 0 : fetch_late(t, f);

		if (ret < 0)
			return ret;
		if (f->stage_fd == (int)e->fd)
			continue;
		if (dup3(f->stage_fd, e->fd, e->flags & FD_CLOEXEC ? O_CLOEXEC : 0) < 0)
			return err_sys(restore_err(t->r), "dup3",
				       "can't give task %d its descriptor %u", t->vpid, e->fd);
	}
	return 0;
}

int restore_open_by_id(struct restore_task *t, uint32_t id, int flags, int *ret_fd)
{
	struct restore_file *known = restore_file_by_id(t->r, id), f;
	RegFileEntry reg;
	FileEntry entry;

	if (!known)
		return err_set(restore_err(t->r), ERR_IMAGE_CORRUPT, EINVAL,
			       "file %u is not in files.img", id);
	f = *known;
	if (known->entry->reg) { /* it may be an open description as well, with flags of its own */
		reg = *known->entry->reg;
		reg.flags = flags;
		reg.pos = (uint64_t)-1;
		entry = *known->entry;
		entry.reg = &reg;
		f.entry = &entry;
	}
	return f.class->open(t, &f, ret_fd);
}

/* A working directory in /proc of a process that has ended can be entered only as long as the
 * stand-in lives. */
int enter_late_cwd(struct restore_task *t)
{
	struct restore_file *f = restore_file_by_id(t->r, t->fs->cwd_id);
	_cleanup_fd_ int fd = -1;
	int ret;

	if (!f || !f->late)
		return 0;
	task_wait(t->r, &t->r->shared->born, t->r->n_tasks);
	ret = restore_open_by_id(t, t->fs->cwd_id, O_PATH | O_DIRECTORY, &fd);
	if (ret == 0 && fchdir(fd) < 0)
		ret = err_sys(restore_err(t->r), "fchdir",
			      "can't enter the working directory of task %d", t->vpid);
	return ret;
}

static int emit_cwd(struct restore_task *t, struct program *p)
{
	struct restore_file *cwd = restore_file_by_id(t->r, t->fs->cwd_id);
	int fd;

	if (cwd && cwd->late)
		return 0;
	fd = service_open(t, t->fs->cwd_id, O_PATH | O_DIRECTORY);
	if (fd < 0)
		return fd;
	program_note(p, "working directory");
	program_do(p, SYS_fchdir, IMM(fd));
	return 0;
}

/* By /proc/self/fd, so that the working directory stays where it is. */
static int emit_root(struct restore_task *t, struct program *p)
{
	struct restore_file *root = restore_file_by_id(t->r, t->fs->root_id);
	const RegFileEntry *e = root ? root->entry->reg : NULL;
	char path[32];
	int fd;

	if (!e || !e->name[0] || (e->name[0] == '/' && !e->name[1]))
		return 0;
	fd = service_open(t, t->fs->root_id, O_PATH | O_DIRECTORY);
	if (fd < 0)
		return fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	program_note(p, "root directory %s", e->name);
	program_do(p, SYS_chroot, AREA(area_put(p->area, path, strlen(path) + 1)));
	return 0;
}

static int emit_fs(struct restore_task *t)
{
	struct program *p = t->threads[0].prog;
	int ret;

	program_stage(p, STAGE_FILES);
	ret = emit_root(t, p);
	return ret < 0 ? ret : emit_cwd(t, p);
}

/* Everything between the task's own descriptors goes. */
static void emit_closing(struct restore_task *t)
{
	struct program *p = t->threads[0].prog;
	unsigned int from = 0, end = 0;
	unsigned char *mine;

	for (size_t i = 0; i < t->table->n_fds; i++)
		if (t->table->fds[i].e->fd >= end)
			end = t->table->fds[i].e->fd + 1;
	mine = arena_alloc(restore_arena(t->r), end + 1);
	for (size_t i = 0; i < t->table->n_fds; i++)
		mine[t->table->fds[i].e->fd] = 1;
	program_note(p, "descriptors of the tool");
	for (unsigned int n = 0; n < end; n++) {
		if (!mine[n])
			continue;
		if (n > from)
			program_do(p, SYS_close_range, IMM(from), IMM(n - 1), IMM(0));
		from = n + 1;
	}
	program_do(p, SYS_close_range, IMM(from), IMM(~0u), IMM(0));
}

int emit_descriptors(struct restore_task *t)
{
	struct program *p = t->threads[0].prog;
	int ret = emit_fs(t);

	if (ret < 0)
		return ret;
	program_note(p, "tasks that share descriptors");
	program_op(p, AGENT_POST, 0, IMM(&t->r->shared->moved), IMM(t->r->n_living));
	if (t->table->owner != t)
		return 0;
	if (t->shares_table)
		program_op(p, AGENT_WAIT, 0, IMM(&t->r->shared->moved), IMM(t->r->n_living));
	emit_closing(t);
	return 0;
}
