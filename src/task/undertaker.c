/* SPDX-License-Identifier: Apache-2.0 */
/* See undertaker.h. */
#include "task/undertaker.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel/tracer.h"

#define PERIOD_NS      20000000
#define PERIOD_LONE_NS 250000000 /* where only the time is looked at */

static struct proc_stop *volatile watched;
static volatile uint64_t watch_ends;
static volatile sig_atomic_t seizing;
static sigjmp_buf give_up;

/* A look first: wait tells a tracer of stops, too, whatever it asks for. */
static bool bury(pid_t tid)
{
	siginfo_t info = { 0 };

	if (waitid(P_PID, tid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 || !info.si_pid ||
	    (info.si_code != CLD_EXITED && info.si_code != CLD_KILLED &&
	     info.si_code != CLD_DUMPED))
		return false;
	waitid(P_PID, tid, &info, WEXITED | WNOHANG | __WALL);
	return true;
}

void bury_dead(struct proc_stop *p, pid_t but)
{
	for (size_t i = 0; i < p->n_threads; i++) {
		struct thread_stop *t = &p->threads[i];

		if (t->gone || t->tid == but || !bury(t->tid))
			continue;
		t->gone = true;
		t->frozen = false;
	}
}

/* PTRACE_SEIZE starts again by itself when the handler returns (ERESTARTNOINTR), whatever the flags
 * of the handler. So after too long it does not return. */
static void on_tick(int sig)
{
	int saved = errno;

	(void)sig;
	if (watched)
		bury_dead(watched, 0);
	errno = saved;
	if (seizing && watch_ends && monotonic_ns() > watch_ends)
		siglongjmp(give_up, 1);
}

#define TICK (SIGRTMAX - 1)

static bool let_ticks_through(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, TICK);
	return pthread_sigmask(SIG_UNBLOCK, &set, NULL) == 0;
}

/* For the thread that is the tracer. A signal of its own: what the caller of the tool has set up
 * (an alarm survives exec) stays. */
static long make_timer(void *ret)
{
	const struct sigaction act = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = TICK };

	ev._sigev_un._tid = gettid();
	if (timer_create(CLOCK_MONOTONIC, &ev, ret) == 0 && sigaction(TICK, &act, NULL) == 0 &&
	    let_ticks_through())
		return true;
	log_debug("no timer: an exec by a thread may hold up the freeze");
	return false;
}

static void set_timer(long period)
{
	static enum { NOT_MADE, MADE, IMPOSSIBLE } state;
	static timer_t timer;
	const struct itimerspec when = { .it_interval.tv_nsec = period,
					 .it_value.tv_nsec = period };

	if (state == NOT_MADE)
		state = tracer_run(make_timer, &timer) ? MADE : IMPOSSIBLE;
	if (state == MADE)
		timer_settime(timer, 0, &when, NULL);
}

void undertaker_watch(struct proc_stop *p, bool single, uint64_t until)
{
	watched = p;
	watch_ends = until;
	if (!single || until)
		set_timer(single ? PERIOD_LONE_NS : PERIOD_NS);
}

void undertaker_rest(void)
{
	if (!watched)
		return;
	set_timer(0);
	watched = NULL;
}

struct seizing {
	pid_t tid;
	long options;
};

static long seize(void *arg)
{
	const struct seizing *s = arg;

	if (sigsetjmp(give_up, 0)) { /* from the handler, in which its signal is blocked */
		seizing = 0;
		let_ticks_through();
		/* It may have come just behind the end of the wait. */
		return ptrace(PTRACE_INTERRUPT, s->tid, 0, 0) < 0 ? ETIMEDOUT : 0;
	}
	seizing = 1;
	int num = ptrace(PTRACE_SEIZE, s->tid, 0, s->options) < 0 ? errno : 0;

	seizing = 0;
	return num;
}

int undertaker_seize(pid_t tid, long options)
{
	struct seizing s = { tid, options };

	return tracer_run(seize, &s);
}
