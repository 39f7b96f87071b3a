/* SPDX-License-Identifier: Apache-2.0 */
/* See fault.h. The wish is set once, at the start, like the log level. */
#include "base/fault.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WAIT_TICKS 2500 /* of two milliseconds: nobody came to look */

static const char *wish;

void fault_set(const char *name)
{
	wish = name;
}

/* Until a signal comes: SIGCONT, to go on, or one that ends the tool and may be deferred for now. */
static void wait_here(void)
{
	static const int signals[] = { SIGCONT, SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct timespec tick = { .tv_nsec = 2000000 };
	sigset_t go_on, before, pending;
	bool came = false;

	sigemptyset(&go_on);
	sigaddset(&go_on, SIGCONT);
	sigprocmask(SIG_BLOCK, &go_on, &before);
	for (int ticks = 0; ticks < WAIT_TICKS && !came; ticks++) {
		nanosleep(&tick, NULL);
		sigpending(&pending);
		for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
			came |= sigismember(&pending, signals[i]) == 1;
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
}

void fault_hold(const char *name)
{
	size_t len = strlen(name);

	if (wish && !strncmp(wish, name, len) && !strcmp(wish + len, ":sleep"))
		wait_here();
}

int fault_at(const char *name, struct err *err)
{
	size_t len = strlen(name);

	if (!wish)
		return 0;
	if (!strcmp(wish, "list"))
		dprintf(STDERR_FILENO, "fault point %s\n", name);
	if (strncmp(wish, name, len))
		return 0;
	if (!strcmp(wish + len, ":kill"))
		raise(SIGKILL);
	if (!strcmp(wish + len, ":sleep"))
		wait_here();
	if (wish[len])
		return 0;
	wish = NULL; /* once: taking back may pass here again */
	return err_set(err, ERR_FAULT, ECANCELED, "made to fail at %s", name);
}
