/* SPDX-License-Identifier: Apache-2.0 */
/*
 * O_ASYNC on a pipe's read end, with a real-time signal (F_SETSIG) for the process: after the
 * restore a write gives that signal, with the descriptor in siginfo; nothing is signalled by the
 * dump and restore themselves.
 *
 * wl: areas pipes signals
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "workload.h"

static volatile sig_atomic_t count, band_fd;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	count++;
	band_fd = info->si_fd;
}

int main(void)
{
	struct sigaction act = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART };
	struct wl_fd state;
	int fds[2];

	wl_try(sigaction(SIGRTMIN + 1, &act, NULL));
	wl_try(pipe(fds));
	wl_try(fcntl(fds[0], F_SETOWN, getpid()));
	wl_try(fcntl(fds[0], F_SETSIG, SIGRTMIN + 1));
	wl_try(fcntl(fds[0], F_SETFL, O_ASYNC | O_NONBLOCK));
	wl_check_eq(write(fds[1], "a", 1), 1);
	wl_check_eq(count, 1);
	wl_fd_save(fds[0], &state);
	wl_ready_and_wait();
	wl_fd_check(fds[0], &state);
	wl_check_eq(count, 1);
	wl_check_eq(write(fds[1], "b", 1), 1);
	wl_check_eq(count, 2);
	wl_check_eq(band_fd, fds[0]);
	wl_pass();
}
