/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a zombie still shows: its name, its user (also in what waitid() tells).
 *
 *	wl: areas   task
 *	wl: flavours host ns
 *	wl: crossing none CRIU keeps no users of zombies
 */
#define _GNU_SOURCE
#include "workload.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
	pid_t pid = wl_fork();
	siginfo_t info;
	char *path, *name;

	if (pid == 0) {
		wl_try(prctl(PR_SET_NAME, "dead ) man", 0, 0, 0));
		wl_try(setresgid(2001, 2002, 2003));
		wl_try(setresuid(1001, 1002, 1003));
		_exit(5);
	}
	wl_await_state(pid, "Z");
	path = wl_format("/proc/%d/status", pid);
	name = wl_field(path, "Name");
	wl_check_text("name", name, "dead ) man");
	wl_ready_and_wait();
	wl_check_text("name", wl_field(path, "Name"), name);
	wl_check_text("uids", wl_field(path, "Uid"), "1001\t1002\t1003\t1002");
	wl_check_text("gids", wl_field(path, "Gid"), "2001\t2002\t2003\t2002");
	wl_try(waitid(P_PID, pid, &info, WEXITED));
	wl_check_eq(info.si_uid, 1001);
	wl_check_eq(info.si_status, 5);
	wl_pass();
}
