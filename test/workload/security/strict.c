/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child in strict mode, where only read, write and exit are left: it can be dumped, is in
 * mode 1 still, and exits 0 when it has read its byte. A second one dies at another call.
 *
 *	wl: areas   seccomp-lsm
 *	wl: flavours host user ns userns
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "filter.h"

static int fds[2];

static pid_t start(bool sin)
{
	pid_t pid = wl_fork();
	char byte;

	if (pid)
		return pid;
	wl_try(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0));
	if (syscall(SYS_read, fds[0], &byte, 1) != 1)
		syscall(SYS_exit, 1);
	if (sin)
		syscall(SYS_getppid);
	syscall(SYS_exit, 0);
	__builtin_unreachable();
}

int main(void)
{
	pid_t good, bad;
	int status;

	wl_try(pipe(fds));
	good = start(false);
	bad = start(true);
	wl_await_call(good, SYS_read);
	wl_await_call(bad, SYS_read);
	wl_check_eq(wl_status(good, "Seccomp", 10), 1);
	wl_ready_and_wait();
	wl_check_eq(wl_status(good, "Seccomp", 10), 1);
	wl_check_eq(wl_status(bad, "Seccomp", 10), 1);
	wl_check_eq(write(fds[1], "ab", 2), 2);
	wl_reap(good);
	wl_check_eq(waitpid(bad, &status, 0), bad);
	wl_check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	wl_pass();
}
