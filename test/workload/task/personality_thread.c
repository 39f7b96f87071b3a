/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The execution domain belongs to the thread in the kernel: leader and thread differ.
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 *	wl: crossing none CRIU keeps no personality
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sys/personality.h>

static void set(void *arg)
{
	wl_try(personality(*(unsigned int *)arg));
}

static void check(void *arg)
{
	wl_check_eq((unsigned int)personality(0xffffffff), *(unsigned int *)arg);
}

int main(void)
{
	static unsigned int leader = ADDR_NO_RANDOMIZE, thread = UNAME26;

	set(&leader);
	wl_actor_thread(set, check, &thread);
	wl_ready_and_wait();
	check(&leader);
	wl_actors_finish();
	wl_pass();
}
