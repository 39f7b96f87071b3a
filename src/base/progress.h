/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line that tells how far a long piece of work is, on a terminal: it appears when the work has
 * taken a second, is drawn again five times a second at most, and is wiped when the work ends.
 * Nothing is printed when standard error is no terminal. Steps may come from several threads; a
 * step costs an addition and a look at the clock's coarse page.
 */
#ifndef BASE_PROGRESS_H
#define BASE_PROGRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum progress_unit { PROGRESS_COUNT, PROGRESS_BYTES };

struct progress {
	const char *what; /* "writing memory" */
	uint64_t total;	  /* 0: not known */
	enum progress_unit unit;
	bool on;
	_Atomic uint64_t done;
	_Atomic uint64_t next_ms; /* when to draw next; claimed by the thread that draws */
	uint64_t start_ms;
	bool drawn;
};

/* For the whole run: no progress lines at all (--json, a log on the terminal …). */
void progress_disable(void);

void progress_start(struct progress *p, const char *what, uint64_t total, enum progress_unit unit);
void progress_step(struct progress *p, uint64_t n);
/* For one who looks at what others do: so much is done by now. Not along with progress_step. */
void progress_show(struct progress *p, uint64_t done);
/* Whether a line would be drawn now: for totals that are costly to find out. */
bool progress_due(const struct progress *p);
void progress_end(struct progress *p);

#endif
