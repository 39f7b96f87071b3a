/* SPDX-License-Identifier: Apache-2.0 */
/* See death.h. Where no timer can be had (RLIMIT_SIGPENDING), the wait becomes looks in between. */
#include "task/death.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "task/tree.h"

#define PERIOD_NS 50000000
#define LOOK_NS	  500000

static void on_tick(int sig)
{
	(void)sig; /* it is enough that waitpid(2) returns */
}

/* A signal of its own, for the calling thread. */
static bool start_timer(timer_t *ret)
{
	const struct itimerspec when = { .it_interval.tv_nsec = PERIOD_NS,
					 .it_value.tv_nsec = PERIOD_NS };
	const struct sigaction act = { .sa_handler = on_tick };
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMAX - 2 };
	sigset_t set;

	ev._sigev_un._tid = gettid();
	sigemptyset(&set);
	sigaddset(&set, ev.sigev_signo);
	if (sigaction(ev.sigev_signo, &act, NULL) < 0 ||
	    pthread_sigmask(SIG_UNBLOCK, &set, NULL) != 0 ||
	    timer_create(CLOCK_MONOTONIC, &ev, ret) < 0)
		return false;
	timer_settime(*ret, 0, &when, NULL);
	return true;
}

void vigil_begin(struct vigil *v, unsigned int seconds)
{
	*v = (struct vigil){ .begun = true, .until = UINT64_MAX };
	if (!seconds)
		return;
	v->until = monotonic_ns() + seconds * UINT64_C(1000000000);
	v->ticks = start_timer(&v->timer);
}

int vigil_await(struct vigil *v, pid_t tid)
{
	bool late = v->until != UINT64_MAX && monotonic_ns() > v->until;
	bool blocks = !late && (v->ticks || v->until == UINT64_MAX);

	for (;;) {
		int status;
		pid_t pid = waitpid(tid, &status, __WALL | (blocks ? 0 : WNOHANG));

		if (pid > 0 && (WIFSTOPPED(status) || WIFCONTINUED(status)))
			continue;
		if (pid > 0 || (pid < 0 && errno != EINTR))
			return pid > 0;
		if (v->until != UINT64_MAX && monotonic_ns() > v->until)
			return -ETIMEDOUT;
		if (!blocks)
			nanosleep(&(struct timespec){ .tv_nsec = LOOK_NS }, NULL);
	}
}

void vigil_end(struct vigil *v)
{
	if (v->ticks)
		timer_delete(v->timer);
	*v = (struct vigil){ 0 };
}
