/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child restricted by a landlock rule set (no new files below its directory). The kernel
 * shows nobody which rules a task is under, so they can't be saved: they must be recognised
 * and refused, never be dropped, which would give the child more rights than it had.
 * (The program's name is no part of the expected text: logs hold it anyway.)
 *
 *	wl: areas   seccomp-lsm
 *	wl: flavours host user ns userns
 *	wl: needs   landlock
 *	wl: expect  dump-refused landlock
 */
#define _GNU_SOURCE
#include "workload.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static void set(void *arg)
{
	struct landlock_ruleset_attr attr = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_REG,
	};
	int fd = wl_try(syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0));

	(void)arg;
	wl_try(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	wl_try(syscall(SYS_landlock_restrict_self, fd, 0));
	close(fd);
}

static void check(void *arg)
{
	(void)arg;
	wl_check_eq(open("forbidden", O_WRONLY | O_CREAT, 0600), -1);
	wl_check_eq(errno, EACCES);
}

int main(void)
{
	wl_actor_fork(set, check, NULL);
	wl_ready_and_wait();
	wl_actors_finish();
	wl_pass();
}
