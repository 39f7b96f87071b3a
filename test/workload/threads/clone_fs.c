/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child process that shares working directory, root and umask with its parent (CLONE_FS
 * without CLONE_VM): a change in one must be seen in the other, or the dump be refused.
 *
 *	wl: areas   threads
 *	wl: flavours host user ns userns
 *	wl: expect dump-refused shared with process
 */
#define _GNU_SOURCE
#include "kcmp.h"

#include <sched.h>
#include <signal.h>
#include <sys/stat.h>

int main(void)
{
	struct wl_stage *go = wl_stage_new();
	pid_t pid = wl_try(syscall(SYS_clone, CLONE_FS | SIGCHLD, NULL, NULL, NULL, NULL));
	char cwd[64];

	if (pid == 0) {
		wl_stage_await(go, 1);
		wl_try(chdir("/proc"));
		umask(0246);
		_exit(0);
	}
	wl_ready_and_wait();
	wl_check(kcmp_same(getpid(), pid, KCMP_FS));
	wl_stage_add(go);
	wl_reap(pid);
	wl_check(getcwd(cwd, sizeof(cwd)) != NULL);
	wl_check_text("directory", cwd, "/proc");
	wl_check_eq(umask(0), 0246);
	wl_pass();
}
