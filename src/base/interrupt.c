/* SPDX-License-Identifier: Apache-2.0 */
/* See interrupt.h. The mask of before is the one piece of state, as signals are a process' own. */
#include "base/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>

static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
#define N_SIGNALS (sizeof(signals) / sizeof(signals[0]))

static sigset_t before;
static volatile sig_atomic_t deferred;

/* Those that whoever started us wants ignored (nohup, a shell's background jobs) would end us all
 * the same if they were blocked: the kernel keeps a blocked signal also where it is ignored. */
static void fill(sigset_t *set)
{
	struct sigaction action;

	sigemptyset(set);
	for (size_t i = 0; i < N_SIGNALS; i++)
		if (sigaction(signals[i], NULL, &action) < 0 || action.sa_handler != SIG_IGN)
			sigaddset(set, signals[i]);
}

void interrupt_defer(void)
{
	sigset_t set;

	if (deferred)
		return;
	fill(&set);
	deferred = sigprocmask(SIG_BLOCK, &set, &before) == 0;
}

int interrupt_pending(void)
{
	sigset_t pending;

	if (!deferred || sigpending(&pending) < 0)
		return 0;
	for (size_t i = 0; i < N_SIGNALS; i++)
		if (sigismember(&pending, signals[i]) && !sigismember(&before, signals[i]))
			return signals[i];
	return 0;
}

int interrupt_check(struct err *err, const char *doing)
{
	int signo = interrupt_pending();

	return signo ? err_set(err, ERR_INTERRUPTED, EINTR, "ended by %s at: %s",
			       sigabbrev_np(signo), doing)
		     : 0;
}

void interrupt_allow(void)
{
	if (!deferred)
		return;
	deferred = 0;
	sigprocmask(SIG_SETMASK, &before, NULL);
}

void interrupt_forget(void)
{
	struct timespec now = { 0 };
	sigset_t set;

	if (!deferred)
		return;
	fill(&set);
	for (size_t i = 0; i < N_SIGNALS; i++)
		if (sigismember(&before, signals[i]))
			sigdelset(&set, signals[i]); /* the caller's own business */
	while (sigtimedwait(&set, NULL, &now) > 0)
		continue;
	interrupt_allow();
}
