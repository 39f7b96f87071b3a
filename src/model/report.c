/* SPDX-License-Identifier: Apache-2.0 */
/* See report.h. */
#include "model/report.h"

static void add(struct report *r, struct report_item item)
{
	arena_push(r->arena, r->items, r->n, item);
	r->refusals += item.refusal;
}

void report_refuse(struct report *r, pid_t pid, const char *object, const char *text,
		   const char *cure)
{
	add(r, (struct report_item){ true, pid, object, text, cure });
}

void report_warn(struct report *r, pid_t pid, const char *object, const char *text,
		 const char *cure)
{
	add(r, (struct report_item){ false, pid, object, text, cure });
}
