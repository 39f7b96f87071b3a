/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process becomes a subreaper when its helper child already has a child of its own. When
 * the helper dies after the restore, the grandchild must come to the subreaper: the attribute
 * (and the kernel's mark on descendants that there is one above) holds for those too.
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "workload.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	struct wl_stage *ready = wl_stage_new(), *go = wl_stage_new(), *end = wl_stage_new();
	struct wl_stage *pid = wl_stage_new();
	pid_t helper = wl_fork();

	if (helper == 0) {
		pid_t grandchild = wl_fork();

		if (grandchild == 0) {
			wl_stage_add(ready);
			wl_stage_await(end, 1);
			_exit(getppid() == (pid_t)end[1].value ? 0 : 1);
		}
		pid->value = grandchild;
		wl_stage_add(ready);
		wl_stage_await(go, 1);
		_exit(0);
	}
	wl_stage_await(ready, 2);
	wl_try(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
	wl_ready_and_wait();
	wl_stage_add(go);
	wl_reap(helper);
	end[1].value = getpid();
	wl_stage_add(end);
	wl_reap(pid->value);
	wl_pass();
}
