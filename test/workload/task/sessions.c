/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session leaders: a child that leads a session, and one that leads a session with a child in
 * a process group of its own, and a group that spans siblings.
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "puppet.h"

int main(void)
{
	puppet_init();
	puppet_do(0, PUPPET_FORK, 1);
	puppet_do(1, PUPPET_SETSID, 0);
	puppet_do(0, PUPPET_FORK, 2);
	puppet_do(2, PUPPET_SETSID, 0);
	puppet_do(2, PUPPET_FORK, 3);
	puppet_do(3, PUPPET_SETPGID, 3);
	puppet_do(3, PUPPET_FORK, 4);
	puppet_do(0, PUPPET_FORK, 5);
	puppet_do(5, PUPPET_SETPGID, 5);
	puppet_do(0, PUPPET_FORK, 6);
	puppet_do(6, PUPPET_SETPGID, 5);
	puppet_do(5, PUPPET_FORK, 7);
	puppet_do(7, PUPPET_SETSID, 0);
	puppet_note_all();
	wl_ready_and_wait();
	puppet_check_all();
	puppet_do(0, PUPPET_SUBREAPER, 1);
	puppet_end_all();
	wl_pass();
}
