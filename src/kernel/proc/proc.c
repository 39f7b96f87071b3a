/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID as a directory descriptor (proc(5)). The dentry of /proc/PID is tied to a struct pid,
 * not to its number, so the descriptor can't come to mean another process: once the task is reaped,
 * look-ups below it fail with ENOENT (proc_pident_lookup) and reads of open files with ESRCH.
 * "No such file" is therefore told from "no such process" by asking for stat, which all have.
 */
#include "kernel/inode.h"
#include "kernel/proc/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/proc/list.h"
#include "kernel/scan.h"

#define BUF_START 16384
#define BUF_MAX	  (UINT64_C(1) << 31) /* no file of proc that we read comes near */

void proc_buf_free(struct proc_buf *buf)
{
	free(buf->data);
	*buf = (struct proc_buf){ 0 };
}

static int buf_grow(struct proc_buf *buf)
{
	size_t room = buf->room ? buf->room * 2 : BUF_START;
	char *data = room <= BUF_MAX ? realloc(buf->data, room) : NULL;

	if (!data)
		return -ENOMEM;
	buf->data = data;
	buf->room = room;
	return 0;
}

int proc_open_at(struct proc *ret, int proc_root, pid_t pid, struct proc_buf *buf, struct err *err)
{
	char name[16];
	int fd;

	if (pid <= 0)
		return err_set(err, ERR_NO_SUCH_TASK, ESRCH, "%d is no process id", pid);
	snprintf(name, sizeof(name), "%d", pid);
	fd = openat(proc_root, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ESRCH))
		return err_set(err, ERR_NO_SUCH_TASK, ESRCH, "there is no process %d", pid);
	if (fd < 0)
		return err_sys(err, "openat", "opening /proc/%d", pid);
	*ret = (struct proc){ .fd = fd, .pid = pid, .buf = buf };
	return 0;
}

/* A bare root has no /proc, and what is mounted there may be of another pid namespace. */
static int no_process(pid_t pid, struct err *err)
{
	bool seen = inode_exists(AT_FDCWD, "/proc/self/stat");

	if (seen && kill(pid, 0) < 0 && errno == EPERM)
		return err_set(err, ERR_PERMISSION, EPERM,
			       "process %d is another user's, and hidden in /proc (mount option "
			       "hidepid)",
			       pid);
	if (seen)
		return err_set(err, ERR_NO_SUCH_TASK, ESRCH, "there is no process %d", pid);
	return err_set(err, ERR_PROC, ENOENT, "process %d can't be looked at: %s", pid,
		       inode_exists(AT_FDCWD, "/proc/stat")
			       ? "/proc is of another pid namespace than crtools"
			       : "/proc is not mounted");
}

int proc_open(struct proc *ret, pid_t pid, struct proc_buf *buf, struct err *err)
{
	char name[24];
	int fd;

	if (pid <= 0)
		return err_set(err, ERR_NO_SUCH_TASK, ESRCH, "%d is no process id", pid);
	snprintf(name, sizeof(name), "/proc/%d", pid);
	fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ESRCH))
		return no_process(pid, err);
	if (fd < 0)
		return err_sys(err, "open", "opening %s", name);
	*ret = (struct proc){ .fd = fd, .pid = pid, .buf = buf };
	return 0;
}

int proc_open_thread(struct proc *ret, const struct proc *leader, pid_t tid, struct err *err)
{
	char name[24];
	int fd;

	snprintf(name, sizeof(name), "task/%d", tid);
	fd = openat(leader->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ESRCH))
		return err_set(err, ERR_NO_SUCH_TASK, ESRCH, "process %d has no thread %d",
			       leader->pid, tid);
	if (fd < 0)
		return err_sys(err, "openat", "opening /proc/%d/%s", leader->pid, name);
	*ret = (struct proc){ .fd = fd, .pid = tid, .buf = leader->buf };
	return 0;
}

void proc_close(struct proc *p)
{
	close_fd(&p->fd);
}

int proc_fail(const struct proc *p, const char *call, const char *doing, const char *name,
	      struct err *err)
{
	int num = errno;

	bool alive = inode_exists(p->fd, "stat");

	if (num == ESRCH && alive) /* proc_mem_open() of newer kernels */
		return err_set(err, ERR_NO_SUCH_TASK, ESRCH,
			       "task %d has no memory: it is ending, or a kernel thread (%s %s)",
			       p->pid, doing, name);
	if (num == ESRCH || (num == ENOENT && !alive))
		return err_set(err, ERR_NO_SUCH_TASK, ESRCH, "task %d has ended (%s %s)", p->pid,
			       doing, name);
	errno = num;
	return err_add_pid(err, p->pid, err_sys(err, call, "%s /proc/%d/%s", doing, p->pid, name));
}

int proc_openat(const struct proc *p, const char *name, int flags, struct err *err)
{
	int fd = openat(p->fd, name, flags | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? proc_fail(p, "openat", "opening", name, err) : fd;
}

/* Fills the buffer from fd; single: the file is one record of seq_file, or none of its, so that a
 * read that leaves room has read all of it. */
static int fill(int fd, struct proc_buf *buf, bool single, size_t *ret_len)
{
	size_t len = 0;

	for (;;) {
		ssize_t n;

		if (buf->room - len < 2 || !buf->data) {
			if (buf_grow(buf))
				return -ENOMEM;
			continue;
		}
		n = read(fd, buf->data + len, buf->room - len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		len += n;
		if (n == 0 || (single && len < buf->room - 1))
			break;
	}
	buf->data[len] = '\0';
	*ret_len = len;
	return 0;
}

static int read_file(const struct proc *p, const char *name, bool single, char **ret_text,
		     size_t *ret_len, struct err *err)
{
	_cleanup_fd_ int fd = proc_openat(p, name, O_RDONLY, err);
	int ret;

	if (fd < 0)
		return fd;
	ret = fill(fd, p->buf, single, ret_len);
	if (ret) {
		errno = -ret;
		return proc_fail(p, "read", "reading", name, err);
	}
	*ret_text = p->buf->data;
	return 0;
}

int proc_read(const struct proc *p, const char *name, char **ret_text, size_t *ret_len,
	      struct err *err)
{
	return read_file(p, name, false, ret_text, ret_len, err);
}

int proc_read_single(const struct proc *p, const char *name, char **ret_text, size_t *ret_len,
		     struct err *err)
{
	return read_file(p, name, true, ret_text, ret_len, err);
}

int proc_read_dup(const struct proc *p, const char *name, struct arena *a, char **ret_text,
		  size_t *ret_len, struct err *err)
{
	char *text, *copy;
	size_t len;
	int ret = proc_read(p, name, &text, &len, err);

	if (ret)
		return ret;
	copy = arena_alloc(a, len + 1);
	memcpy(copy, text, len);
	*ret_text = copy;
	*ret_len = len;
	return 0;
}

int proc_bad_text(const struct proc *p, const char *name, struct err *err)
{
	return err_add_pid(err, p->pid,
			   err_set(err, ERR_KERNEL, EBADMSG,
				   "/proc/%d/%s does not read as expected", p->pid, name));
}

void proc_link_parse(struct arena *a, const char *text, size_t len, struct proc_link *ret)
{
	static const char gone[] = " (deleted)", outside[] = "(unreachable)";
	struct proc_link link = { .reachable = true };

	if (len >= sizeof(outside) - 1 && !memcmp(text, outside, sizeof(outside) - 1)) {
		link.reachable = false;
		text += sizeof(outside) - 1;
		len -= sizeof(outside) - 1;
	}
	/* d_path() appends it to unlinked names; "/" itself and pseudo names have no such suffix. */
	if (len > sizeof(gone) - 1 &&
	    !memcmp(text + len - (sizeof(gone) - 1), gone, sizeof(gone) - 1)) {
		link.deleted = true;
		len -= sizeof(gone) - 1;
	}
	link.path = arena_alloc(a, len + 1);
	memcpy(link.path, text, len);
	*ret = link;
}

int proc_readlink(const struct proc *p, const char *name, struct arena *a, struct proc_link *ret,
		  struct err *err)
{
	/* do_proc_readlink() writes into one page: longer names fail with ENAMETOOLONG. */
	char target[4096 + 1];
	ssize_t n = readlinkat(p->fd, name, target, sizeof(target));

	if (n < 0)
		return proc_fail(p, "readlinkat", "reading the link", name, err);
	proc_link_parse(a, target, n, ret);
	return 0;
}

int proc_read_num(const struct proc *p, const char *name, int64_t *ret, struct err *err)
{
	struct scan s;
	char *text;
	size_t len;
	int64_t v;
	int e = proc_read_single(p, name, &text, &len, err);

	if (e)
		return e;
	s = scan_text(text, len);
	v = scan_int(&s);
	scan_try(&s, '\n');
	if (s.bad || !scan_at_end(&s))
		return proc_bad_text(p, name, err);
	*ret = v;
	return 0;
}
