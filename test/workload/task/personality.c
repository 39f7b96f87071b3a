/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Execution domains of children: no address randomisation, an old version number in uname,
 * READ_IMPLIES_EXEC (which the tool's own mappings must not pick up).
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 *	wl: crossing from CRIU saves personalities, and restores none
 */
#define _GNU_SOURCE
#include "workload.h"

#include <string.h>
#include <sys/personality.h>
#include <sys/utsname.h>

static void set(void *arg)
{
	wl_try(personality(*(unsigned int *)arg));
}

static void check(void *arg)
{
	unsigned int want = *(unsigned int *)arg;
	struct utsname name;

	wl_check_eq((unsigned int)personality(0xffffffff), want);
	wl_try(uname(&name));
	wl_check_eq(!strncmp(name.release, "2.6.", 4), !!(want & UNAME26));
}

int main(void)
{
	static unsigned int values[] = {
		ADDR_NO_RANDOMIZE,
		UNAME26 | STICKY_TIMEOUTS,
		READ_IMPLIES_EXEC,
		ADDR_COMPAT_LAYOUT | WHOLE_SECONDS | SHORT_INODE,
	};

	for (int i = 0; i < 4; i++)
		wl_actor_fork(set, check, &values[i]);
	wl_ready_and_wait();
	wl_check_eq(personality(0xffffffff), 0);
	wl_actors_finish();
	wl_pass();
}
