/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard output and error of a run that may never end: whoever reads a pipe of the tool's waits
 * until all that have it are gone. So the run writes to pipes of its own, and the tool passes on
 * what comes. A terminal or file is left as it is, and a descriptor that a restore is to use.
 */
#ifndef ENGINE_RELAY_H
#define ENGINE_RELAY_H

#include "model/session.h"

struct relay {
	struct relay_stream {
		int number;	/* 1 or 2: where it goes to */
		int from, into; /* the pipe; -1: nothing to pass on */
	} streams[2];
};

/* Before the fork. */
int relay_begin(struct session *s, struct relay *r);
/* In the run, and in the tool behind the fork. */
void relay_write(struct relay *r);
void relay_read(struct relay *r);
/* Passes on what has come. */
void relay_pump(struct relay *r);

#endif
