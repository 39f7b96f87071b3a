/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real signal after the restore still interrupts: a long nanosleep ends with EINTR and with
 * the time that was left, a read with SA_RESTART goes on by itself.
 *
 *	wl: areas   signals timers
 *	wl: flavours host user ns userns
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "restart.h"

#include <signal.h>

static int fds[2], runs;

static void on_signal(int sig)
{
	(void)sig;
	__atomic_add_fetch(&runs, 1, __ATOMIC_SEQ_CST);
}

static long do_sleep(void)
{
	struct timespec time = { 3600, 0 }, left = { 0 };
	long result = syscall(SYS_nanosleep, &time, &left);

	wl_check_eq(result, -1);
	wl_check_eq(errno, EINTR);
	wl_check(left.tv_sec > 3000 && left.tv_sec < 3600);
	return 0;
}

static long do_read(void)
{
	char byte;

	return syscall(SYS_read, fds[0], &byte, 1);
}

static struct restart list[] = {
	RESTART("nanosleep", SYS_nanosleep, do_sleep, 0, false),
	RESTART("read", SYS_read, do_read, 1, false),
	{ 0 },
};

int main(void)
{
	struct sigaction plain = { .sa_handler = on_signal };
	struct sigaction again = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	wl_try(sigaction(SIGUSR1, &plain, NULL));
	wl_try(sigaction(SIGUSR2, &again, NULL));
	wl_try(pipe(fds));
	restart_begin(list);
	wl_ready_and_wait();
	restart_still(list);
	wl_try(syscall(SYS_tgkill, getpid(), list[0].tid, SIGUSR1));
	wl_try(syscall(SYS_tgkill, getpid(), list[1].tid, SIGUSR2));
	while (__atomic_load_n(&runs, __ATOMIC_SEQ_CST) < 2)
		wl_sleep_ms(1);
	wl_check_eq(write(fds[1], "x", 1), 1);
	restart_end(list, 0);
	wl_pass();
}
