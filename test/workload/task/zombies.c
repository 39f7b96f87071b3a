/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zombies: exit codes 0, 42 and 255, deaths by signals, one in a group of its own; waiting for
 * them must give exactly that, and only once.
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns unpriv
 *	wl: cycles  5
 *	wl: crossing none CRIU's images have no mask, user or limits of zombies
 */
#define _GNU_SOURCE
#include "workload.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
	int code, sig;
} ends[] = { { 0, 0 },	     { 42, 0 },	     { 255, 0 }, { 0, SIGKILL }, { 0, SIGUSR1 },
	     { 0, SIGSEGV }, { 0, SIGPIPE }, { 0, 64 },	 { 0, SIGTRAP } };
#define ENDS (int)(sizeof(ends) / sizeof(*ends))

static pid_t end_as(int i)
{
	pid_t pid = wl_fork();
	struct rlimit none = { 0, 0 };

	if (pid)
		return pid;
	wl_try(setrlimit(RLIMIT_CORE, &none));
	if (i == 3)
		wl_try(setpgid(0, 0));
	if (ends[i].sig)
		kill(getpid(), ends[i].sig);
	_exit(ends[i].code);
}

static void check(pid_t pid, int i)
{
	siginfo_t info = { 0 };
	int status;

	wl_try(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
	wl_check_eq(info.si_signo, SIGCHLD);
	wl_check_eq(info.si_pid, pid);
	wl_check_eq(info.si_code, ends[i].sig ? CLD_KILLED : CLD_EXITED);
	wl_check_eq(info.si_status, ends[i].sig ? ends[i].sig : ends[i].code);
	wl_check_eq(waitpid(pid, &status, WNOHANG), pid);
	wl_check_eq(status, ends[i].code << 8 | ends[i].sig);
	wl_check_eq(waitpid(pid, &status, WNOHANG), -1);
	wl_check_eq(errno, ECHILD);
}

int main(void)
{
	pid_t pids[ENDS];

	for (int i = 0; i < ENDS; i++) {
		pids[i] = end_as(i);
		wl_await_state(pids[i], "Z");
	}
	wl_ready_and_wait();
	wl_check_eq(getpgid(pids[3]), pids[3]);
	wl_check_eq(getpgid(pids[4]), getpgid(0));
	for (int i = 0; i < ENDS; i++)
		check(pids[i], i);
	wl_check_eq(wait(NULL), -1);
	wl_pass();
}
