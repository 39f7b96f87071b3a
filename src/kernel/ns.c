/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entering namespaces (setns(2)) and coming back. setns to another mount namespace moves root and
 * working directory of the caller to that namespace's root, so both are kept open and restored, and
 * it wants a caller that shares its fs context with nobody: forked children and single-threaded
 * tools.
 */
#include "kernel/ns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

/* linux/nsfs.h */
#define IOC_USERNS _IO(0xb7, 0x1)
#define IOC_PARENT _IO(0xb7, 0x2)

int ns_open(const struct proc *p, enum ns_kind kind, struct err *err)
{
	char name[32];

	snprintf(name, sizeof(name), "ns/%s", ns_names[kind]);
	return proc_openat(p, name, O_RDONLY, err);
}

static int self_open(enum ns_kind kind, struct err *err)
{
	char name[48];
	int fd;

	/* The thread's own: namespaces belong to tasks, not to thread groups. */
	snprintf(name, sizeof(name), "/proc/thread-self/ns/%s", ns_names[kind]);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, "open", "opening %s", name) : fd;
}

int ns_enter_fd(int fd, enum ns_kind kind, struct err *err)
{
	if (setns(fd, ns_clone_flag(kind)))
		return err_sys(err, "setns", "entering a %s namespace", ns_names[kind]);
	return 0;
}

int ns_fd_ino(int fd, uint32_t *ret, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_sys(err, "fstat", "asking for the number of a namespace");
	*ret = st.st_ino;
	return 0;
}

int ns_self(struct proc_ns *ret, struct err *err)
{
	struct proc self = { .pid = getpid() };
	int e;

	self.fd = open("/proc/thread-self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (self.fd < 0)
		return err_sys(err, "open", "opening /proc/thread-self");
	e = proc_ns(&self, NS_ALL, ret, err);
	proc_close(&self);
	return e;
}

static int keep_dirs(struct ns_visit *v, struct err *err)
{
	v->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (v->root < 0)
		return err_sys(err, "open", "keeping the root directory");
	v->cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (v->cwd < 0)
		return err_sys(err, "open", "keeping the working directory");
	return 0;
}

static void forget(struct ns_visit *v)
{
	close_fd(&v->back);
	close_fd(&v->root);
	close_fd(&v->cwd);
}

int ns_visit_fd(struct ns_visit *ret, int fd, enum ns_kind kind, struct err *err)
{
	struct ns_visit v = { .kind = kind, .back = -1, .root = -1, .cwd = -1 };
	uint32_t here, there;
	int e;

	if (kind != NS_CGROUP && kind != NS_IPC && kind != NS_MNT && kind != NS_NET &&
	    kind != NS_UTS)
		return err_set(err, ERR_INTERNAL, EINVAL, "a %s namespace cannot be left again",
			       ns_names[kind]);
	v.back = self_open(kind, err);
	if (v.back < 0)
		return v.back;
	e = ns_fd_ino(v.back, &here, err) ?: ns_fd_ino(fd, &there, err);
	if (!e && here == there) {
		forget(&v);
		*ret = v;
		return 0;
	}
	if (!e && kind == NS_MNT)
		e = keep_dirs(&v, err);
	if (!e)
		e = ns_enter_fd(fd, kind, err);
	if (e)
		forget(&v);
	else
		*ret = v;
	return e;
}

int ns_visit(struct ns_visit *ret, const struct proc *p, enum ns_kind kind, struct err *err)
{
	_cleanup_fd_ int fd = ns_open(p, kind, err);

	return fd < 0 ? fd : ns_visit_fd(ret, fd, kind, err);
}

int ns_leave(struct ns_visit *v, struct err *err)
{
	int e = 0;

	if (v->back < 0)
		return 0;
	e = ns_enter_fd(v->back, v->kind, err);
	if (!e && v->root >= 0) {
		if (fchdir(v->root) || chroot(".") || fchdir(v->cwd))
			e = err_sys(err, "chroot", "going back to the root directory");
	}
	forget(v);
	return e;
}

int ns_owner(int fd, struct err *err)
{
	int got = ioctl(fd, IOC_USERNS);

	return got < 0 ? err_sys(err, "NS_GET_USERNS", "asking who owns a namespace") : got;
}

int ns_parent(int fd, struct err *err)
{
	int got = ioctl(fd, IOC_PARENT);

	return got < 0 ? err_sys(err, "NS_GET_PARENT", "asking for the parent of a namespace")
		       : got;
}
