/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An ordinary user's process without any supplementary group, real-id root left behind: what
 * the tool must set in the right order to get there.
 *
 *	wl: areas   creds
 *	wl: flavours host ns
 *	wl: crossing to CRIU needs CAP_SYS_RESOURCE for limits of another user's task
 */
#define _GNU_SOURCE
#include "caps.h"

#include <grp.h>
#include <sys/stat.h>

int main(void)
{
	struct caps none = { 0 };
	uid_t real, effective, saved;

	wl_try(chmod(".", 0777));
	wl_try(setgroups(0, NULL));
	wl_try(setresgid(65534, 65534, 65534));
	wl_try(setresuid(65534, 65534, 65534));
	wl_ready_and_wait();
	wl_check_eq(getgroups(0, NULL), 0);
	wl_try(getresuid(&real, &effective, &saved));
	wl_check(real == 65534 && effective == 65534 && saved == 65534);
	caps_check(&none);
	wl_check_eq(setuid(0), -1);
	wl_pass();
}
