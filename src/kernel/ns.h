/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces of a process: opening, entering, coming back. Kinds are in proc/task.h. */
#ifndef KERNEL_NS_H
#define KERNEL_NS_H

#include "kernel/proc/task.h"

/* Descriptor of /proc/PID/ns/KIND (CLOEXEC), or -errno; -ENOENT: no such kind in this kernel. */
int ns_open(const struct proc *p, enum ns_kind kind, struct err *err);
/* setns(2). MNT and USER want a caller with one thread; PID and TIME apply to children only. */
int ns_enter_fd(int fd, enum ns_kind kind, struct err *err);
/* The inode numbers of the caller itself. */
int ns_self(struct proc_ns *ret, struct err *err);
/* The inode that a namespace descriptor names. */
int ns_fd_ino(int fd, uint32_t *ret, struct err *err);

/*
 * Enters a namespace of p and remembers the way back:
 *	struct ns_visit v;
 *	ret = ns_visit(&v, p, NS_NET, err); … ns_leave(&v, err);
 * Nothing is done (and ns_leave does nothing) where the caller is there already. For MNT the root
 * and working directory are restored too. PID, TIME and USER cannot be visited: -EINVAL.
 */
struct ns_visit {
	enum ns_kind kind;
	int back;      /* -1: nothing to undo */
	int root, cwd; /* MNT */
};
int ns_visit(struct ns_visit *ret, const struct proc *p, enum ns_kind kind, struct err *err);
int ns_visit_fd(struct ns_visit *ret, int fd, enum ns_kind kind, struct err *err);
int ns_leave(struct ns_visit *v, struct err *err);

/* NS_GET_USERNS, NS_GET_PARENT (Linux 4.9): a new descriptor or -errno; -EPERM: out of sight. */
int ns_owner(int fd, struct err *err);
int ns_parent(int fd, struct err *err);

#endif
