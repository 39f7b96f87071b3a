/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task waits deep in a recursion that has made its stack 5 MiB long, with contents all the way
 * up. All of it is there when it returns, and the stack can grow further afterwards.
 *
 * wl: areas memory
 */
#define _GNU_SOURCE
#include <alloca.h>
#include <unistd.h>

#include "workload.h"

enum { FRAME = 65536, WAIT_AT = 80, END_AT = 110 };

static void descend(int depth)
{
	char *frame = alloca(FRAME);

	wl_fill(frame, FRAME, depth);
	if (depth == WAIT_AT)
		wl_ready_and_wait();
	if (depth < END_AT)
		descend(depth + 1);
	if (!wl_matches(frame, FRAME, depth))
		wl_fail("the frame at depth %d changed", depth);
}

int main(void)
{
	descend(0);
	wl_pass();
}
