/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupted waits for a signal: pause and rt_sigsuspend end after the restore by a signal
 * whose handler has run, and not before; the mask that rt_sigsuspend put aside comes back.
 * rt_sigtimedwait goes on waiting too.
 *
 *	wl: areas   signals threads
 *	wl: flavours host user ns userns
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "restart.h"

#include <signal.h>

#define BIT(sig) (UINT64_C(1) << ((sig)-1))

static __thread int runs;

static void on_signal(int sig)
{
	(void)sig;
	runs++;
}

static long ended_by_handler(long result)
{
	if (result == -1 && errno == EINTR)
		return runs == 1 ? 0 : -2;
	return result;
}

#ifdef SYS_pause
static long do_pause(void)
{
	return ended_by_handler(syscall(SYS_pause));
}
#endif

static long do_sigsuspend(void)
{
	uint64_t own = BIT(SIGUSR1) | BIT(SIGTERM) | BIT(SIGWINCH), now;
	uint64_t other = BIT(SIGTERM) | BIT(SIGHUP);
	long result;

	wl_try(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &own, NULL, 8));
	result = ended_by_handler(syscall(SYS_rt_sigsuspend, &other, 8));
	wl_try(syscall(SYS_rt_sigprocmask, SIG_SETMASK, NULL, &now, 8));
	wl_check_eq(now, own);
	return result;
}

static long do_sigtimedwait(void)
{
	uint64_t set = BIT(SIGUSR2);

	wl_try(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 8));
	return syscall(SYS_rt_sigtimedwait, &set, NULL, NULL, 8);
}

static struct restart list[] = {
#ifdef SYS_pause /* newer processors' tables have none */
	RESTART("pause", SYS_pause, do_pause, 0, false),
#endif
	RESTART("rt_sigsuspend", SYS_rt_sigsuspend, do_sigsuspend, 0, false),
	RESTART("rt_sigtimedwait", SYS_rt_sigtimedwait, do_sigtimedwait, SIGUSR2, false),
	{ 0 },
};

int main(void)
{
	signal(SIGUSR1, on_signal);
	restart_begin(list);
	wl_ready_and_wait();
	restart_still(list);
	for (struct restart *it = list; it->name; it++)
		wl_try(syscall(SYS_tgkill, getpid(), it->tid,
			       it->nr == SYS_rt_sigtimedwait ? SIGUSR2 : SIGUSR1));
	restart_end(list, 0);
	wl_pass();
}
