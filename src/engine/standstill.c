/* SPDX-License-Identifier: Apache-2.0 */
/* See standstill.h. Nothing here looks at a file that a server has: links of /proc are read by
 * their names, and a name in the memory of a thread by that thread's system call. */
#include "engine/standstill.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/syscalls.h"
#include "base/cleanup.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/stat.h"
#include "kernel/ptrace.h"
#include "task/tree.h"

/* Where a call has its file: in which argument. */
enum whose {
	NOTHING,
	DESCRIPTOR, /* the first */
	PATH,	    /* the first */
	PATH_AT,    /* the first two */
	MAPPED,	    /* the fifth, a descriptor */
};

static const struct {
	int nr;
	enum whose whose;
} calls[] = {
	{ SYS_openat, PATH_AT },
	{ SYS_openat2, PATH_AT },
	{ SYS_statx, PATH_AT },
	{ SYS_newfstatat, PATH_AT },
	{ SYS_readlinkat, PATH_AT },
	{ SYS_faccessat, PATH_AT },
	{ SYS_faccessat2, PATH_AT },
	{ SYS_name_to_handle_at, PATH_AT },
	{ SYS_unlinkat, PATH_AT },
	{ SYS_mkdirat, PATH_AT },
	{ SYS_mknodat, PATH_AT },
	{ SYS_fchmodat, PATH_AT },
	{ SYS_fchownat, PATH_AT },
	{ SYS_utimensat, PATH_AT },
	{ SYS_linkat, PATH_AT },
	{ SYS_renameat2, PATH_AT },
	{ SYS_symlinkat, NOTHING },
	{ SYS_open_by_handle_at, DESCRIPTOR },
	{ SYS_chdir, PATH },
	{ SYS_statfs, PATH },
	{ SYS_truncate, PATH },
	{ SYS_getxattr, PATH },
	{ SYS_lgetxattr, PATH },
	{ SYS_listxattr, PATH },
	{ SYS_llistxattr, PATH },
	{ SYS_setxattr, PATH },
	{ SYS_lsetxattr, PATH },
	{ SYS_execve, PATH },
	{ SYS_fchdir, DESCRIPTOR },
	{ SYS_fstat, DESCRIPTOR },
	{ SYS_fstatfs, DESCRIPTOR },
	{ SYS_read, DESCRIPTOR },
	{ SYS_pread64, DESCRIPTOR },
	{ SYS_readv, DESCRIPTOR },
	{ SYS_preadv, DESCRIPTOR },
	{ SYS_preadv2, DESCRIPTOR },
	{ SYS_write, DESCRIPTOR },
	{ SYS_pwrite64, DESCRIPTOR },
	{ SYS_writev, DESCRIPTOR },
	{ SYS_pwritev, DESCRIPTOR },
	{ SYS_pwritev2, DESCRIPTOR },
	{ SYS_getdents64, DESCRIPTOR },
	{ SYS_lseek, DESCRIPTOR },
	{ SYS_fgetxattr, DESCRIPTOR },
	{ SYS_flistxattr, DESCRIPTOR },
	{ SYS_fsetxattr, DESCRIPTOR },
	{ SYS_fchmod, DESCRIPTOR },
	{ SYS_fchown, DESCRIPTOR },
	{ SYS_ftruncate, DESCRIPTOR },
	{ SYS_fallocate, DESCRIPTOR },
	{ SYS_fsync, DESCRIPTOR },
	{ SYS_fdatasync, DESCRIPTOR },
	{ SYS_flock, DESCRIPTOR },
	{ SYS_fcntl, DESCRIPTOR },
	{ SYS_ioctl, DESCRIPTOR },
	{ SYS_copy_file_range, DESCRIPTOR },
	{ SYS_sendfile, DESCRIPTOR },
	{ SYS_splice, DESCRIPTOR },
	{ SYS_mmap, MAPPED },
	{ SYS_munmap, NOTHING },
	{ SYS_msync, NOTHING },
	{ SYS_madvise, NOTHING },
	{ SYS_close, NOTHING },
	{ SYS_close_range, NOTHING },
	{ SYS_dup3, NOTHING },
	{ SYS_process_vm_readv, NOTHING },
	{ SYS_exit_group, NOTHING },
	{ SYS_exit, NOTHING },
};

static bool find_call(int64_t nr, enum whose *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i].nr == nr) {
			*ret = calls[i].whose;
			return true;
		}
	return false;
}

static bool open_thread(struct proc *ret, struct proc_buf *buf, pid_t pid, pid_t tid)
{
	struct proc leader = PROC_INIT;
	int err = proc_open(&leader, pid, buf, NULL);

	if (err == 0)
		err = proc_open_thread(ret, &leader, tid, NULL);
	proc_close(&leader);
	return err == 0;
}

static char *link_path(const struct proc *p, const char *name, struct arena *a)
{
	struct proc_link link;

	return proc_readlink(p, name, a, &link, NULL) < 0 ? NULL : link.path;
}

static char *descriptor_path(const struct proc *p, int fd, struct arena *a)
{
	char name[32];

	snprintf(name, sizeof(name), "fd/%d", fd);
	return link_path(p, fd == AT_FDCWD ? "cwd" : name, a);
}

/* A string that the thread has given to the kernel; at most to the end of a page or two. */
static char *string_of(const struct proc *p, uint64_t addr, struct arena *a)
{
	char *text = arena_alloc(a, 4097);
	size_t len = 4096 - addr % 4096;

	if (!addr || task_read(p->pid, addr, text, len) < 0)
		return NULL;
	if (!memchr(text, '\0', len) && len < 4096)
		task_read(p->pid, addr + len, text + len, 4096 - len);
	text[4096] = '\0';
	return text;
}

/* Magic links are told by what they lead to. */
static char *name_of(char *path, struct arena *a)
{
	char target[4096];
	ssize_t n;

	if (!path || strncmp(path, "/proc/", 6) != 0)
		return path;
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = '\0';
	return target[0] == '/' ? arena_strdup(a, target) : path;
}

static char *path_at(const struct proc *p, int dir, uint64_t addr, struct arena *a)
{
	char *path = string_of(p, addr, a), *above;

	if (path && path[0] == '/')
		return path;
	above = descriptor_path(p, dir, a);
	if (!path || !path[0] || !above)
		return above;
	return arena_printf(a, "%s/%s", strcmp(above, "/") ? above : "", path);
}

static char *file_of(const struct proc *p, const struct proc_syscall *call, enum whose whose,
		     struct arena *a)
{
	switch (whose) {
	case DESCRIPTOR:
		return descriptor_path(p, call->arg[0], a);
	case PATH:
		return path_at(p, AT_FDCWD, call->arg[0], a);
	case PATH_AT:
		return path_at(p, call->arg[0], call->arg[1], a);
	case MAPPED:
		return descriptor_path(p, call->arg[4], a);
	case NOTHING:
		break;
	}
	return NULL;
}

/* A pipe or socket is read from for as long as its other end likes. */
static bool asks_file_system(const struct proc *p, struct arena *a)
{
	struct proc_syscall call;
	enum whose whose;
	char *file;

	if (proc_syscall(p, &call, NULL) < 0 || call.running)
		return false;
	if (call.nr < 0)
		return true; /* a page fault */
	if (!find_call(call.nr, &whose))
		return false;
	file = whose == DESCRIPTOR ? file_of(p, &call, whose, a) : NULL;
	return !file || file[0] == '/';
}

struct look {
	struct standstill *w;
	const char *tool; /* the tool's own file, by its name */
	struct arena arena;
	struct proc_buf buf;
	struct idler *idlers;
	size_t n;
	uint64_t now;
};

static int by_tid(const void *a, const void *b)
{
	const struct idler *x = a, *y = b;

	return x->tid < y->tid ? -1 : x->tid > y->tid;
}

static void look_at_thread(struct look *l, const struct proc *leader, pid_t tid)
{
	struct idler one = { .pid = leader->pid, .tid = tid, .since = l->now }, *known;
	struct proc thread = PROC_INIT;
	struct proc_status status;

	if (proc_open_thread(&thread, leader, tid, NULL) < 0)
		return;
	if (proc_status(&thread, &l->arena, &status, NULL) == 0 &&
	    (status.state == 'D' || status.state == 'S')) {
		one.switches = status.voluntary_ctxt_switches + status.nonvoluntary_ctxt_switches;
		known = l->w->n ? bsearch(&one, l->w->idlers, l->w->n, sizeof(one), by_tid) : NULL;
		if (known && known->pid == one.pid && known->switches == one.switches)
			one.since = known->since;
		arena_push(&l->arena, l->idlers, l->n, one);
	}
	proc_close(&thread);
}

/* Children that have become something else (a script's) are not the tool's. */
static bool is_tool(struct look *l, const struct proc *p)
{
	const char *exe = link_path(p, "exe", &l->arena);

	return exe && l->tool && !strcmp(exe, l->tool);
}

static void look_at_process(struct look *l, pid_t pid, unsigned int depth)
{
	struct proc p = PROC_INIT;
	struct proc_tids threads = { 0 }, children = { 0 };

	if (proc_open(&p, pid, &l->buf, NULL) < 0)
		return;
	if (depth == 0)
		l->tool = link_path(&p, "exe", &l->arena);
	if (is_tool(l, &p) && proc_threads(&p, &l->arena, &threads, NULL) == 0) {
		for (size_t i = 0; i < threads.n; i++)
			look_at_thread(l, &p, threads.tids[i]);
		if (l->w->children && depth < 1000)
			proc_children(&p, &threads, &l->arena, &children, NULL);
	}
	proc_close(&p);
	for (size_t i = 0; i < children.n; i++)
		look_at_process(l, children.tids[i], depth + 1);
}

static bool has_asked(struct look *l, const struct idler *idler)
{
	struct proc thread = PROC_INIT;
	bool ret = open_thread(&thread, &l->buf, idler->pid, idler->tid) &&
		   asks_file_system(&thread, &l->arena);

	proc_close(&thread);
	return ret;
}

const struct idler *standstill_look(struct standstill *w, uint64_t patience)
{
	struct look l = { .w = w, .now = monotonic_ns() };
	const struct idler *found = NULL;

	look_at_process(&l, w->root, 0);
	if (l.n)
		qsort(l.idlers, l.n, sizeof(*l.idlers), by_tid);
	for (size_t i = 0; !found && i < l.n; i++)
		if (l.now - l.idlers[i].since >= patience && has_asked(&l, &l.idlers[i]))
			found = &l.idlers[i];
	proc_buf_free(&l.buf);
	arena_free(&w->arena);
	w->arena = l.arena;
	w->idlers = l.idlers;
	w->n = l.n;
	return found;
}

const char *standstill_tell(struct standstill *w, const struct idler *idler, const char **ret_file)
{
	struct proc thread = PROC_INIT;
	struct proc_buf buf = { 0 };
	struct proc_syscall call = { .nr = -1 };
	enum whose whose = NOTHING;
	const char *text = "a page of its memory", *name;

	*ret_file = NULL;
	if (open_thread(&thread, &buf, idler->pid, idler->tid))
		proc_syscall(&thread, &call, NULL);
	if (call.nr >= 0) {
		find_call(call.nr, &whose);
		*ret_file = name_of(file_of(&thread, &call, whose, &w->arena), &w->arena);
		name = syscall_name(call.nr, false);
		text = arena_printf(&w->arena, "%s(2)%s%s", name ? name : "?",
				    *ret_file ? " of " : "", *ret_file ? *ret_file : "");
	}
	proc_close(&thread);
	proc_buf_free(&buf);
	return text;
}

bool standstill_is_over(pid_t pid)
{
	struct arena arena = { 0 };
	struct proc_buf buf = { 0 };
	struct proc p = PROC_INIT, thread = PROC_INIT;
	struct proc_tids threads = { 0 };
	struct proc_status status;
	bool over = true;

	if (proc_open(&p, pid, &buf, NULL) == 0)
		proc_threads(&p, &arena, &threads, NULL);
	for (size_t i = 0; i < threads.n; i++) {
		if (proc_open_thread(&thread, &p, threads.tids[i], NULL) < 0)
			continue;
		over &= proc_status(&thread, &arena, &status, NULL) < 0 || status.state == 'D' ||
			status.state == 'Z' || status.state == 'X';
		proc_close(&thread);
	}
	proc_close(&p);
	proc_buf_free(&buf);
	arena_free(&arena);
	return over;
}

void standstill_end(struct standstill *w)
{
	arena_free(&w->arena);
}
