/* SPDX-License-Identifier: Apache-2.0 */
/* See fault.h. Between two steps is also where a signal that came meanwhile is heeded. */
#include "engine/fault.h"

#include "base/fault.h"
#include "base/interrupt.h"

int fault_point(struct session *s, const char *name)
{
	int ret = fault_at(name, s->err);

	return ret < 0 ? ret : interrupt_check(s->err, name);
}
