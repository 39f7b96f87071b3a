/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child with two chained filters that kill, one of them for a call that a restore itself
 * needs, which then became an ordinary user: its mode is still filter, their number two, and
 * each forbidden call kills with SIGSYS.
 *
 *	wl: areas   seccomp-lsm creds
 *	wl: flavours host ns
 *	wl: cycles  5
 *	wl: crossing to CRIU needs CAP_SYS_RESOURCE for limits of another user's task
 */
#define _GNU_SOURCE
#include "filter.h"

static struct wl_stage *ready, *go;

static pid_t start(long forbidden)
{
	pid_t pid = wl_fork();

	if (pid)
		return pid;
	wl_try(filter_install(SYS_ptrace, SECCOMP_RET_KILL_THREAD, 0));
	wl_try(filter_install(SYS_mremap, SECCOMP_RET_KILL_PROCESS, 0));
	wl_try(setresuid(1000, 1000, 1000));
	wl_stage_add(ready);
	wl_stage_await(go, 1);
	wl_check_eq(filter_count(), 2);
	wl_check_eq(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), SECCOMP_MODE_FILTER);
	wl_check_eq(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
	wl_check_eq(getuid(), 1000);
	if (forbidden)
		syscall(forbidden, 0, 0, 0, 0, 0);
	_exit(0);
}

int main(void)
{
	pid_t good, first, second;

	ready = wl_stage_new();
	go = wl_stage_new();
	good = start(0);
	first = start(SYS_ptrace);
	second = start(SYS_mremap);
	wl_stage_await(ready, 3);
	wl_ready_and_wait();
	wl_stage_add(go);
	wl_reap(good);
	filter_reap_killed(first);
	filter_reap_killed(second);
	wl_pass();
}
