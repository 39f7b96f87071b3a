/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupted waits for children: wait4 and waitid end when the child does, with its status.
 *
 *	wl: areas   signals task
 *	wl: flavours host user ns userns
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "restart.h"

#include <sys/wait.h>

static struct wl_stage *go;
static pid_t pids[2];

static long do_wait4(void)
{
	int status = 0;

	wl_check_eq(syscall(SYS_wait4, pids[0], &status, 0, NULL), pids[0]);
	return WEXITSTATUS(status);
}

static long do_waitid(void)
{
	siginfo_t info = { 0 };

	wl_try(syscall(SYS_waitid, P_PID, pids[1], &info, WEXITED, NULL));
	wl_check_eq(info.si_pid, pids[1]);
	return info.si_status;
}

static struct restart list[] = {
	RESTART("wait4", SYS_wait4, do_wait4, 11, false),
	RESTART("waitid", SYS_waitid, do_waitid, 12, false),
	{ 0 },
};

int main(void)
{
	go = wl_stage_new();
	for (int i = 0; i < 2; i++) {
		pids[i] = wl_fork();
		if (pids[i] == 0) {
			wl_stage_await(go, 1);
			_exit(11 + i);
		}
	}
	restart_begin(list);
	wl_ready_and_wait();
	restart_still(list);
	wl_stage_add(go);
	restart_end(list, 0);
	wl_pass();
}
