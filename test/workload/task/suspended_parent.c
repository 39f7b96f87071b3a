/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process suspended in vfork() by a child that has neither executed nor ended: they share
 * their memory and a state of the kernel that can't be rebuilt.
 * (The program's name is no part of the expected text: logs hold it anyway.)
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 *	wl: expect  dump-refused vfork
 *	wl: dump    --timeout 1
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	struct wl_stage *ready = wl_stage_new(), *go = wl_stage_new();
	pid_t parent = wl_fork();

	if (parent == 0) {
		pid_t pid = vfork();
		int status;

		if (pid == 0) {
			wl_stage_add(ready);
			wl_stage_await(go, 1);
			_exit(6);
		}
		wl_check_eq(waitpid(pid, &status, 0), pid);
		wl_check_eq(status, 6 << 8);
		_exit(0);
	}
	wl_stage_await(ready, 1);
	wl_await_state(parent, "D");
	wl_ready_and_wait();
	wl_stage_add(go);
	wl_reap(parent);
	wl_pass();
}
