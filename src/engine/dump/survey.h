/* SPDX-License-Identifier: Apache-2.0 */
/* Many descriptors of a frozen task, looked at by several threads. */
#ifndef ENGINE_SURVEY_H
#define ENGINE_SURVEY_H

#include "engine/dump/probe.h"

/* One that was looked at; its probe has no local descriptor any more. */
struct descriptor {
	bool seen; /* what could not be read is read again by who wants it, and fails there */
	bool ask_cloexec;
	struct file_probe probe;
};

/* So many are looked at, and then judged, at a time: a bound to the memory that it takes. */
#define SURVEY_WINDOW 1024

struct survey;
/* Of a table of n descriptors; NULL: they are not worth other threads. pr: the caller's prober. */
struct survey *survey_begin(struct dump_task *t, struct prober *pr, size_t n);
/* The next n numbers, SURVEY_WINDOW at most. What it gives is valid until the next call. */
const struct descriptor *survey_look(struct survey *v, const int *fds, size_t n);
void survey_end(struct survey *v);

/* What the owner of its signals is, and what its class asks; p->local is open. */
int probe_ask(struct file_probe *p, const struct reader *r);

#endif
