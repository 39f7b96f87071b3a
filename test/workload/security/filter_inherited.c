/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child installs two filters and forks: the inherited chain is there in the grandchild too,
 * which dies of SIGSYS at the forbidden call; the child in filter mode exits 0.
 *
 *	wl: areas   seccomp-lsm
 *	wl: flavours host ns userns
 */
#define _GNU_SOURCE
#include "filter.h"

int main(void)
{
	struct wl_stage *ready = wl_stage_new(), *go = wl_stage_new();
	pid_t child = wl_fork(), grandchild;

	if (child == 0) {
		wl_try(filter_install(SYS_ptrace, SECCOMP_RET_KILL_PROCESS, 0));
		wl_try(filter_install(SYS_chroot, SECCOMP_RET_KILL_PROCESS, 0));
		grandchild = wl_fork();
		wl_stage_add(ready);
		wl_stage_await(go, 1);
		wl_check_eq(filter_count(), 2);
		if (grandchild == 0) {
			syscall(SYS_ptrace, 0, 0, 0, 0);
			_exit(0);
		}
		wl_check_eq(prctl(PR_GET_SECCOMP, 0, 0, 0, 0), SECCOMP_MODE_FILTER);
		filter_reap_killed(grandchild);
		_exit(0);
	}
	wl_stage_await(ready, 2);
	wl_ready_and_wait();
	wl_stage_add(go);
	wl_reap(child);
	wl_pass();
}
