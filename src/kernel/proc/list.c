/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories of proc whose entries are numbers: threads, children, descriptors. getdents64(2) is
 * used directly: readdir(3) would allocate a stream for each.
 */
#include "kernel/inode.h"
#include "kernel/proc/list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/proc/fd.h"
#include "kernel/proc/stat.h"
#include "kernel/scan.h"

static int entry_number(const struct dirent64 *d)
{
	struct scan s = scan_text(d->d_name, strlen(d->d_name));
	uint64_t v = scan_dec(&s);

	return s.bad || !scan_at_end(&s) || v > INT_MAX ? -1 : (int)v;
}

int proc_list_numbers(const struct proc *p, int dir, const char *name,
		      int (*found)(void *ctx, int number), void *ctx, struct err *err)
{
	_Alignas(8) char buf[8192];

	for (;;) {
		ssize_t n = getdents64(dir, buf, sizeof(buf)), at = 0;

		if (n == 0)
			return 0;
		if (n < 0 && (errno == ENOENT || errno == ESRCH))
			return err_set(err, ERR_NO_SUCH_TASK, ESRCH,
				       "task %d has ended (listing %s)", p->pid, name);
		if (n < 0)
			return err_sys(err, "getdents64", "listing /proc/%d/%s", p->pid, name);
		while (at < n) {
			const struct dirent64 *d = (const struct dirent64 *)(buf + at);
			int number = entry_number(d), ret = 0;

			at += d->d_reclen;
			if (number >= 0)
				ret = found(ctx, number);
			if (ret)
				return ret;
		}
	}
}

struct numbers {
	struct arena *a;
	int *v;
	size_t n;
	bool unsorted;
};

static int number_add(void *ctx, int number)
{
	struct numbers *list = ctx;

	if (list->n && number < list->v[list->n - 1])
		list->unsorted = true;
	arena_push(list->a, list->v, list->n, number);
	return 0;
}

static int by_number(const void *a, const void *b)
{
	return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

static int list_dir(const struct proc *p, const char *name, struct arena *a, struct numbers *ret,
		    struct err *err)
{
	_cleanup_fd_ int dir = proc_openat(p, name, O_RDONLY | O_DIRECTORY, err);
	struct numbers list = { .a = a };
	int e;

	if (dir < 0)
		return dir;
	e = proc_list_numbers(p, dir, name, number_add, &list, err);
	if (e)
		return e;
	*ret = list;
	return 0;
}

int proc_threads(const struct proc *p, struct arena *a, struct proc_tids *ret, struct err *err)
{
	struct numbers list;
	int e = list_dir(p, "task", a, &list, err);

	if (e)
		return e;
	*ret = (struct proc_tids){ .tids = list.v, .n = list.n };
	return 0;
}

int proc_fds(const struct proc *p, struct arena *a, struct proc_fds *ret, struct err *err)
{
	struct numbers list;
	int e = list_dir(p, "fd", a, &list, err);

	if (e)
		return e;
	if (list.unsorted)
		qsort(list.v, list.n, sizeof(*list.v), by_number);
	*ret = (struct proc_fds){ .fds = list.v, .n = list.n };
	return 0;
}

int proc_children_parse(struct arena *a, const char *text, size_t len, struct proc_tids *ret)
{
	struct scan s = scan_text(text, len);
	struct proc_tids list = *ret;

	for (;;) {
		uint64_t pid;

		scan_blanks(&s);
		scan_try(&s, '\n');
		if (scan_at_end(&s))
			break;
		pid = scan_dec(&s);
		if (s.bad || !pid || pid > INT_MAX)
			return -EBADMSG;
		arena_push(a, list.tids, list.n, (pid_t)pid);
	}
	*ret = list;
	return 0;
}

struct child_scan {
	const struct proc *parent;
	int root;
	struct arena *a;
	struct proc_tids children;
};

static int child_check(void *ctx, int pid)
{
	struct child_scan *scan = ctx;
	struct proc_buf *buf = scan->parent->buf;
	_cleanup_(proc_close) struct proc p = PROC_INIT;
	struct proc_stat st;

	/* Who ends while we look is nobody's child any more. */
	if (proc_open_at(&p, scan->root, pid, buf, NULL) || proc_stat(&p, &st, NULL))
		return 0;
	if (st.ppid == scan->parent->pid)
		arena_push(scan->a, scan->children.tids, scan->children.n, pid);
	return 0;
}

/* Without CONFIG_PROC_CHILDREN: asks every process for its parent. */
static int children_by_scan(const struct proc *p, struct arena *a, struct proc_tids *ret,
			    struct err *err)
{
	_cleanup_fd_ int root = proc_openat(p, "..", O_RDONLY | O_DIRECTORY, err);
	struct child_scan scan = { .parent = p, .root = root, .a = a, .children = *ret };
	int e;

	if (root < 0)
		return root;
	e = proc_list_numbers(p, root, "..", child_check, &scan, err);
	if (e)
		return e;
	*ret = scan.children;
	return 0;
}

int proc_children(const struct proc *p, const struct proc_tids *threads, struct arena *a,
		  struct proc_tids *ret, struct err *err)
{
	struct proc_tids own, list = { 0 };
	int e;

	if (!threads) {
		e = proc_threads(p, a, &own, err);
		if (e)
			return e;
		threads = &own;
	}
	for (size_t i = 0; i < threads->n; i++) {
		char name[40], *text;
		size_t len;

		snprintf(name, sizeof(name), "task/%d/children", threads->tids[i]);
		e = proc_read(p, name, &text, &len, NULL);
		if (e == -ENOENT && i == 0 && inode_exists(p->fd, "task")) {
			e = children_by_scan(p, a, &list, err);
			if (e)
				return e;
			break;
		}
		if (e == -ENOENT || e == -ESRCH) /* this thread has ended */
			continue;
		if (e)
			return proc_read(p, name, &text, &len, err) ?: -EAGAIN;
		if (proc_children_parse(a, text, len, &list))
			return proc_bad_text(p, name, err);
	}
	*ret = list;
	return 0;
}
