/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fault points: CRTOOLS_FAULT=NAME makes the run fail at the point of that name, NAME:kill makes
 * the tool kill itself there with SIGKILL, NAME:sleep makes it wait there five seconds or until a
 * signal comes, SIGCONT to let it go on. Tests walk through all of them: with CRTOOLS_FAULT=list
 * each point that is passed prints its name to standard error.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include "base/err.h"

/* The wish of this run; NULL: none. */
void fault_set(const char *wish);
/* For a process that helps: with NAME:sleep it waits here, and nothing else. Such points are not
 * listed: to kill a helper is not what any part of the tool has to stand. */
void fault_hold(const char *name);
/* 0, or -ECANCELED with err filled. */
int fault_at(const char *name, struct err *err);

#endif
