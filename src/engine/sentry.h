/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run of the tool that looks at files of a server (engine/servers.h) is done by a child of the
 * tool, and the tool watches it: a thread that waits for the server can't be ended by anybody, so
 * neither can its process, and whoever started the tool would wait for it. A run that stands still
 * for --timeout is given up: what it held by ptrace(2) is let go, what it did outside is taken back
 * as crtools clean does, and the tool ends with an error. What then is left is a process that has
 * been killed, and ends with the answer.
 */
#ifndef ENGINE_SENTRY_H
#define ENGINE_SENTRY_H

#include "engine/servers.h"

/*
 * 0: goes on, as the child; or in the caller itself, if there are no servers. Negative, with err
 * filled: in the caller, when the child was given up. 1: in the caller, when the child was given up
 * behind the run's success, or has done all that was before --exec-cmd's command. Else the caller
 * ends as the child does. hold: the run seizes threads
 * that are to live when it is given up.
 */
int sentry_post(struct session *s, const struct servers *servers, bool hold);
/* Is this process a run that is watched? The root of its tree is to be a child of whoever watches,
 * where that becomes another program (--exec-cmd). */
bool sentry_is_run(void);
/* Has a run told its result, and this process goes on behind it? */
bool sentry_run_told(void);
/* The run has succeeded: for whatever is done still. */
void sentry_succeeded(const struct session *s);
/* All has been told, and the tool will end with this status. */
void sentry_told(int status);

#endif
