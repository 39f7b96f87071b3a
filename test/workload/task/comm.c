/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process and thread names with odd bytes, which break careless parsers of /proc/PID/stat:
 * parentheses, spaces, newline, backslash, bytes that are no UTF-8, the empty name, the full
 * length of 15.
 *
 *	wl: areas   task threads
 *	wl: flavours host user ns userns unpriv
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sys/prctl.h>

static void set(void *arg)
{
	wl_try(prctl(PR_SET_NAME, arg, 0, 0, 0));
}

static void check(void *arg)
{
	char name[16];

	wl_try(prctl(PR_GET_NAME, name, 0, 0, 0));
	wl_check_text("name", name, arg);
}

int main(void)
{
	static char *names[] = {
		"a) R 1 (b",	   "new\nline",	   ")",		  "(",	  "",
		"fifteen bytes!!", "\xff\xfe\x80", "back\\slash", " sp ", "State:\tZ\n",
	};

	for (int i = 0; i < 10; i++) {
		wl_actor_fork(set, check, names[i]);
		wl_actor_thread(set, check, names[9 - i]);
	}
	set("root) Z (\n0");
	wl_ready_and_wait();
	check("root) Z (\n0");
	wl_actors_finish();
	wl_pass();
}
