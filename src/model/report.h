/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can't be kept: refusals stop a dump or restore before it changes anything, warnings do not.
 * All of them are gathered and shown together, each with the object's name and what to do.
 */
#ifndef MODEL_REPORT_H
#define MODEL_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/arena.h"

struct report_item {
	bool refusal;
	pid_t pid;	    /* as the dumped tree names it; 0: none */
	const char *object; /* "descriptor 5 (socket:[123])", "mapping 0x7f…-0x7f…" */
	const char *text;   /* what can't be kept, and why */
	const char *cure;   /* the option or change that helps; "" none */
};

struct report {
	struct arena *arena;
	struct report_item *items;
	size_t n, refusals;
};

/* object may have a format's result: make it with arena_printf. All strings must live in an arena
 * or be constant. */
void report_refuse(struct report *r, pid_t pid, const char *object, const char *text,
		   const char *cure);
void report_warn(struct report *r, pid_t pid, const char *object, const char *text,
		 const char *cure);

#endif
