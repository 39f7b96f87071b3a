/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kcmp(2) compares kernel pointers behind a random permutation: 0 equal, 1 less, 2 greater, 3 not
 * equal and not to be ordered (never on the architectures that we know). Both tasks need
 * PTRACE_MODE_READ_REALCREDS. The order holds as long as the objects live.
 */
#include "kernel/kcmp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

struct kcmp_epoll_slot {
	uint32_t efd, tfd, toff;
};

static const char *const names[] = {
	[KCMP_T_FILE] = "open files",
	[KCMP_T_VM] = "address spaces",
	[KCMP_T_FILES] = "file tables",
	[KCMP_T_FS] = "file system contexts",
	[KCMP_T_SIGHAND] = "signal handlers",
	[KCMP_T_IO] = "I/O contexts",
	[KCMP_T_SYSVSEM] = "semaphore undo lists",
	[KCMP_T_EPOLL_TFD] = "epoll targets",
};

int kcmp_order(pid_t a, pid_t b, enum kcmp_type type, uint64_t ia, uint64_t ib, int *ret,
	       struct err *err)
{
	long order = syscall(SYS_kcmp, a, b, (int)type, (unsigned long)ia, (unsigned long)ib);

	if (order < 0)
		return err_sys(err, "kcmp", "comparing the %s of tasks %d and %d", names[type], a,
			       b);
	if (order > 2)
		return err_set(err, ERR_KERNEL, EOPNOTSUPP,
			       "the kernel does not order the %s of tasks %d and %d", names[type],
			       a, b);
	*ret = order == 0 ? 0 : order == 1 ? -1 : 1;
	return 0;
}

int kcmp_files(pid_t a, int fd_a, pid_t b, int fd_b, int *ret, struct err *err)
{
	return kcmp_order(a, b, KCMP_T_FILE, fd_a, fd_b, ret, err);
}

int kcmp_objects(pid_t a, pid_t b, enum kcmp_type type, int *ret, struct err *err)
{
	return kcmp_order(a, b, type, 0, 0, ret, err);
}

int kcmp_epoll(pid_t a, int fd_a, pid_t b, int efd, int tfd, uint32_t toff, int *ret,
	       struct err *err)
{
	struct kcmp_epoll_slot slot = { .efd = efd, .tfd = tfd, .toff = toff };

	return kcmp_order(a, b, KCMP_T_EPOLL_TFD, fd_a, (uintptr_t)&slot, ret, err);
}

static int compare(const struct kcmp_ref *x, const struct kcmp_ref *y, enum kcmp_type type,
		   int *ret, struct err *err)
{
	if (x->hint != y->hint) {
		*ret = x->hint < y->hint ? -1 : 1;
		return 0;
	}
	if (x->pid == y->pid && x->fd == y->fd) {
		*ret = 0;
		return 0;
	}
	return kcmp_order(x->pid, y->pid, type, x->fd, y->fd, ret, err);
}

/* Merges the sorted halves of [from, to) by way of tmp. */
static int merge(struct kcmp_ref *refs, struct kcmp_ref *tmp, size_t from, size_t mid, size_t to,
		 enum kcmp_type type, struct err *err)
{
	size_t l = from, r = mid;
	int order, e;

	/* In order already, as neighbours often are: one comparison instead of many. */
	e = compare(&refs[mid - 1], &refs[mid], type, &order, err);
	if (e || order <= 0)
		return e;
	for (size_t at = from; at < to; at++) {
		order = l == mid ? 1 : -1;
		e = l < mid && r < to ? compare(&refs[l], &refs[r], type, &order, err) : 0;
		if (e)
			return e;
		tmp[at] = order <= 0 ? refs[l++] : refs[r++];
	}
	memcpy(refs + from, tmp + from, (to - from) * sizeof(*refs));
	return 0;
}

int kcmp_sort(struct kcmp_ref *refs, size_t n, enum kcmp_type type, struct err *err)
{
	_cleanup_free_ struct kcmp_ref *tmp = NULL;
	int e;

	if (!n)
		return 0;
	tmp = reallocarray(NULL, n, sizeof(*tmp));
	if (!tmp)
		return err_set(err, ERR_RESOURCE, ENOMEM, "no memory for sorting %zu files", n);
	for (size_t width = 1; width < n; width *= 2)
		for (size_t from = 0; from + width < n; from += 2 * width) {
			size_t to = from + 2 * width < n ? from + 2 * width : n;

			e = merge(refs, tmp, from, from + width, to, type, err);
			if (e)
				return e;
		}
	refs[0].class = 0;
	for (size_t i = 1; i < n; i++) {
		int order;

		e = compare(&refs[i - 1], &refs[i], type, &order, err);
		if (e)
			return e;
		refs[i].class = refs[i - 1].class + (order != 0);
	}
	return 0;
}
