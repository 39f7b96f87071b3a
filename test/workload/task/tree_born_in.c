/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree of sixteen: sessions that children were born into before their parents led other
 * ones, process groups with dead leaders, re-parented children, sibling clones.
 *
 *	wl: areas   task
 *	wl: crossing none CRIU can't restore such sessions, and keeps no mask of zombies
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "puppet.h"

int main(void)
{
	puppet_init();
	puppet_do(0, PUPPET_SUBREAPER, 1);
	/* 2 is born into the root's session, 3 into that of 1. */
	puppet_do(0, PUPPET_FORK, 1);
	puppet_do(1, PUPPET_FORK, 2);
	puppet_do(1, PUPPET_SETSID, 0);
	puppet_do(1, PUPPET_FORK, 3);
	puppet_do(2, PUPPET_FORK, 4);
	puppet_do(2, PUPPET_SETSID, 0);
	puppet_do(2, PUPPET_FORK, 5);
	puppet_do(4, PUPPET_SETSID, 0);
	/* A group whose leader dies, in the session of 2. */
	puppet_do(5, PUPPET_SETPGID, 5);
	puppet_do(2, PUPPET_FORK, 6);
	puppet_do(6, PUPPET_SETPGID, 5);
	puppet_do(6, PUPPET_FORK, 7);
	puppet_do(5, PUPPET_EXIT, 0);
	puppet_do(2, PUPPET_REAP, 5);
	/* Re-parented ones. */
	puppet_do(3, PUPPET_FORK, 8);
	puppet_do(8, PUPPET_SETPGID, 8);
	puppet_do(8, PUPPET_FORK, 9);
	puppet_do(9, PUPPET_FORK, 10);
	puppet_do(8, PUPPET_EXIT, 0);
	puppet_do(3, PUPPET_REAP, 8);
	/* Siblings: 11 is a child of the root but was born into the session of 3. */
	puppet_do(1, PUPPET_SIBLING, 11);
	puppet_do(11, PUPPET_FORK, 12);
	puppet_do(12, PUPPET_SETSID, 0);
	puppet_do(12, PUPPET_SIBLING, 13);
	puppet_do(13, PUPPET_SETPGID, 13);
	puppet_do(13, PUPPET_FORK, 14);
	puppet_do(14, PUPPET_FORK, 15);
	puppet_do(14, PUPPET_EXIT, 4);
	puppet_do(10, PUPPET_FORK, 16);
	puppet_note_all();
	wl_check_eq(puppets[11].parent, getpid());
	wl_check_eq(puppets[11].session, puppets[1].pid);
	wl_ready_and_wait();
	puppet_check_all();
	puppet_end_all();
	wl_pass();
}
