/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kcmp(2): do two tasks share a kernel object? The kernel gives an order that is stable while the
 * objects live, so that things can be sorted, and equal ones found without comparing all with all.
 */
#ifndef KERNEL_KCMP_H
#define KERNEL_KCMP_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum kcmp_type { /* the kernel's numbers */
		 KCMP_T_FILE,
		 KCMP_T_VM,
		 KCMP_T_FILES,
		 KCMP_T_FS,
		 KCMP_T_SIGHAND,
		 KCMP_T_IO,
		 KCMP_T_SYSVSEM,
		 KCMP_T_EPOLL_TFD,
};

/* *ret: -1, 0 or 1. -ENOSYS: the kernel has no CONFIG_KCMP; -EPERM: no ptrace access to both;
 * -EBADF: no such descriptor; -EOPNOTSUPP: 3, objects are different but not ordered. */
int kcmp_order(pid_t a, pid_t b, enum kcmp_type type, uint64_t ia, uint64_t ib, int *ret,
	       struct err *err);
/* Open file descriptions. */
int kcmp_files(pid_t a, int fd_a, pid_t b, int fd_b, int *ret, struct err *err);
/* VM, FILES, FS, SIGHAND, IO, SYSVSEM. */
int kcmp_objects(pid_t a, pid_t b, enum kcmp_type type, int *ret, struct err *err);
/* Is the file description of (task a, fd_a) the toff'th one that epoll descriptor efd of task b
 * watches under the number tfd? Linux 4.13; -ENOENT: there is no such watch. */
int kcmp_epoll(pid_t a, int fd_a, pid_t b, int efd, int tfd, uint32_t toff, int *ret,
	       struct err *err);

/*
 * Sorts references by object and numbers them: equal objects get the same class number. Merge sort
 * with kcmp as the comparison: n log n calls. hint (say a hash of device, inode and flags) is
 * compared first, so that kcmp is called only for those that could be the same.
 */
struct kcmp_ref {
	pid_t pid;
	int fd; /* for KCMP_T_FILE, else 0 */
	uint64_t hint;
	size_t index; /* the caller's */
	size_t class; /* out: 0, 1, … in sorted order */
};
int kcmp_sort(struct kcmp_ref *refs, size_t n, enum kcmp_type type, struct err *err);

#endif
