/* SPDX-License-Identifier: Apache-2.0 */
/* See fault.h. The wish is set once, at the start, like the log level. */
#include "base/fault.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *wish;

void fault_set(const char *name)
{
	wish = name;
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
		nanosleep(&(struct timespec){ .tv_sec = 2 }, NULL);
	if (wish[len])
		return 0;
	wish = NULL; /* once: taking back may pass here again */
	return err_set(err, ERR_FAULT, ECANCELED, "made to fail at %s", name);
}
