/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As many queued signals as the limit of the user allows (RLIMIT_SIGPENDING), process-wide and
 * directed to a thread, and a timer, which counts as one, too: nothing of the restore may need a
 * place in the queue, and all come with their values in order.
 *
 * CRIU needs such places, of a user whose other processes (root's, in such a run) take some
 * meanwhile: it restores this only when they happen not to.
 *
 *	wl: areas   signals
 *	wl: flavours host user unpriv ns userns
 *	wl: cycles  2
 *	wl: crossing from
 *	wl: ignore  status
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

#define MORE 300

static int sig;
static int queued[2];

/* To the process or to this thread. */
static int queue(int to_thread)
{
	siginfo_t info = { .si_signo = sig, .si_code = SI_QUEUE };

	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_int = queued[to_thread];
	if (to_thread)
		return syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), sig, &info);
	return syscall(SYS_rt_sigqueueinfo, getpid(), sig, &info);
}

static void take(int to_thread)
{
	const struct timespec now = { 0 };
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	for (int i = 0; i < queued[to_thread]; i++) {
		wl_check_eq(wl_try(sigtimedwait(&set, &info, &now)), sig);
		wl_check_eq(info.si_code, SI_QUEUE);
		wl_check_eq(info.si_value.sival_int, i);
	}
}

int main(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec left = { .it_value.tv_sec = 5000 };
	char *text = wl_field("/proc/self/status", "SigQ");
	struct rlimit limit, before;
	timer_t timer;
	sigset_t set;

	sig = SIGRTMIN + 3;
	sigemptyset(&set);
	sigaddset(&set, sig);
	wl_try(sigprocmask(SIG_BLOCK, &set, NULL));
	wl_try(getrlimit(RLIMIT_SIGPENDING, &before));
	limit = before;
	limit.rlim_cur = strtoul(text, NULL, 10) + MORE;
	wl_try(setrlimit(RLIMIT_SIGPENDING, &limit));
	wl_try(timer_create(CLOCK_MONOTONIC, &event, &timer));
	wl_try(timer_settime(timer, 0, &left, NULL));
	for (int i = 0; queue(i & 1) == 0; i++)
		queued[i & 1]++;
	wl_check_eq(errno, EAGAIN);
	wl_check(queued[0] + queued[1] > MORE / 2);
	wl_ready_and_wait();
	take(1);
	take(0);
	wl_try(getrlimit(RLIMIT_SIGPENDING, &before));
	wl_check_eq(before.rlim_cur, limit.rlim_cur);
	wl_try(timer_gettime(timer, &left));
	wl_check(left.it_value.tv_sec > 4000);
	wl_pass();
}
