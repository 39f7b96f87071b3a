/* SPDX-License-Identifier: Apache-2.0 */
/* See restored.h. */
#include "objects/restored.h"

void restored_need(struct restore *r, pid_t pid, enum feature which, const char *object,
		   const char *text)
{
	if (feature_has(&r->features, which))
		return;
	report_refuse(&r->s->report, pid, object, text,
		      arena_printf(restore_arena(r), "restore where there is %s%s",
				   feature_info(which)->brings,
				   err_filtered() ? ", and outside of the seccomp filter that is "
						    "around crtools"
						  : ""));
}
