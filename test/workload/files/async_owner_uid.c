/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipe ends with O_ASYNC, SIGIO as signal, and an owner that was set while the effective uid was
 * 1. Flags, owner and signal are the same, in a forked child too, and a write raises SIGIO: the
 * uid that the kernel recorded with the owner decides whether it may.
 *
 * wl: areas files pipes
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "workload.h"

#ifndef F_GETOWNER_UIDS
#define F_GETOWNER_UIDS 17 /* uapi/asm-generic/fcntl.h */
#endif

static volatile sig_atomic_t signals;
static struct wl_fd state[2];
static int fds[2];

static void on_io(int sig)
{
	(void)sig;
	signals++;
}

static void check_states(void)
{
	for (int i = 0; i < 2; i++)
		wl_fd_check(fds[i], &state[i]);
}

/* F_GETOWNER_UIDS gives the real and effective uid recorded with the owner. */
static void owner_uids(int fd, uid_t *ret_uids)
{
	if (fcntl(fd, F_GETOWNER_UIDS, ret_uids) < 0 && errno == EINVAL)
		ret_uids[0] = ret_uids[1] = 0; /* without CONFIG_CHECKPOINT_RESTORE */
}

int main(void)
{
	struct sigaction act = { .sa_handler = on_io, .sa_flags = SA_RESTART };
	uid_t before[2], after[2];
	pid_t pid;

	wl_try(sigaction(SIGIO, &act, NULL));
	wl_try(pipe(fds));
	wl_try(seteuid(1));
	for (int i = 0; i < 2; i++) {
		wl_try(fcntl(fds[i], F_SETOWN, getpid()));
		wl_try(fcntl(fds[i], F_SETSIG, SIGIO));
		wl_try(fcntl(fds[i], F_SETFL, fcntl(fds[i], F_GETFL) | O_ASYNC));
	}
	wl_try(seteuid(0));
	/* A change of the effective uid makes the process undumpable. */
	wl_try(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
	for (int i = 0; i < 2; i++)
		wl_fd_save(fds[i], &state[i]);
	owner_uids(fds[0], before);
	wl_ready_and_wait();
	check_states();
	owner_uids(fds[0], after);
	wl_check_eq(after[0], before[0]);
	wl_check_eq(after[1], before[1]);
	pid = wl_fork();
	if (pid == 0) {
		check_states();
		_exit(0);
	}
	wl_reap(pid);
	signals = 0;
	wl_check_eq(write(fds[1], "x", 1), 1);
	wl_check(signals > 0);
	wl_pass();
}
