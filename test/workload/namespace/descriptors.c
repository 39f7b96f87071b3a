/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors of the namespaces that a process is in: each still leads to the same one, tells its
 * kind, and can be entered.
 *
 * wl: areas pidfd-memfd-misc-fds
 * wl: cycles 2
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

static const struct {
	const char *name;
	int flag; /* of clone(2) */
} kinds[] = { { "net", CLONE_NEWNET },	{ "mnt", CLONE_NEWNS },	       { "uts", CLONE_NEWUTS },
	      { "ipc", CLONE_NEWIPC },	{ "cgroup", CLONE_NEWCGROUP }, { "pid", CLONE_NEWPID },
	      { "user", CLONE_NEWUSER } };

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

int main(void)
{
	int fds[KINDS];
	int flags[KINDS], fd_flags[KINDS];

	for (size_t i = 0; i < KINDS; i++) {
		fds[i] = wl_try(open(wl_format("/proc/self/ns/%s", kinds[i].name),
				     i ? O_RDONLY : O_RDONLY | O_CLOEXEC));
		flags[i] = wl_try(fcntl(fds[i], F_GETFL));
		fd_flags[i] = wl_try(fcntl(fds[i], F_GETFD));
	}
	wl_ready_and_wait();
	for (size_t i = 0; i < KINDS; i++) {
		struct stat own, open;

		wl_check_eq(fcntl(fds[i], F_GETFL), flags[i]);
		wl_check_eq(fcntl(fds[i], F_GETFD), fd_flags[i]);
		wl_check_eq(ioctl(fds[i], NS_GET_NSTYPE), kinds[i].flag);
		wl_try(stat(wl_format("/proc/self/ns/%s", kinds[i].name), &own));
		wl_try(fstat(fds[i], &open));
		wl_check_eq(open.st_ino, own.st_ino);
	}
	wl_try(setns(fds[0], CLONE_NEWNET));
	wl_pass();
}
