/* SPDX-License-Identifier: Apache-2.0 */
/* See fault.h. */
#include "engine/fault.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

int fault_point(struct session *s, const char *name)
{
	const char *want = s->opts->fault;
	size_t len = strlen(name);

	if (!want || strncmp(want, name, len))
		return 0;
	if (!strcmp(want + len, ":kill"))
		raise(SIGKILL);
	if (want[len])
		return 0;
	return err_set(s->err, ERR_FAULT, ECANCELED, "made to fail at %s", name);
}
