/* SPDX-License-Identifier: Apache-2.0 */
/* Taking back what runs of the tool that were killed have left (base/journal.h). */
#ifndef ENGINE_CLEAN_H
#define ENGINE_CLEAN_H

#include "model/session.h"

struct clean_item {
	pid_t owner;	  /* the tool that has left it */
	const char *what; /* a sentence's beginning: "removed the link …" */
	bool done;	  /* taken back; else why not is part of the text */
};

struct clean_result {
	struct clean_item *items;
	size_t n, failed;
	size_t journals; /* of dead tools that were found */
	size_t live;	 /* runs that go on: nothing of theirs was touched */
};

/* Walks all journals. Returns 0 when nothing is left, or -EBUSY: items say what could not be taken
 * back; their journals stay for another time. */
int engine_clean(struct session *s, struct clean_result *ret);
/* Of this run only, which has been killed but may not be able to end. */
int engine_clean_after(struct session *s, pid_t run, struct clean_result *ret);

#endif
