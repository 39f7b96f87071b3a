/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sibling clones, subreapers, sessions and deaths make a tree in which some sessions have no
 * leader any more and members sit in branches far from where it was.
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 *	wl: crossing none CRIU's images have no mask, user or limits of zombies
 */
#define _GNU_SOURCE
#include "puppet.h"

int main(void)
{
	puppet_init();
	puppet_do(0, PUPPET_SUBREAPER, 1);
	puppet_do(0, PUPPET_FORK, 1);
	puppet_do(1, PUPPET_SUBREAPER, 1);
	puppet_do(1, PUPPET_FORK, 2);
	puppet_do(2, PUPPET_SETSID, 0);
	puppet_do(2, PUPPET_FORK, 3);
	puppet_do(3, PUPPET_SUBREAPER, 1);
	puppet_do(3, PUPPET_FORK, 4);
	puppet_do(4, PUPPET_FORK, 5);
	puppet_do(5, PUPPET_SETSID, 0);
	puppet_do(5, PUPPET_SIBLING, 6);
	puppet_do(6, PUPPET_FORK, 7);
	puppet_do(5, PUPPET_EXIT, 0);
	puppet_do(4, PUPPET_REAP, 5);
	puppet_do(4, PUPPET_EXIT, 0);
	puppet_do(3, PUPPET_REAP, 4);
	/* 6 (of the session of dead 5) is with 3 now; the leader 2 dies: 3 goes to 1. */
	puppet_do(2, PUPPET_EXIT, 0);
	puppet_do(1, PUPPET_REAP, 2);
	puppet_do(3, PUPPET_SIBLING, 8);
	puppet_do(8, PUPPET_FORK, 9);
	puppet_do(9, PUPPET_SETSID, 0);
	puppet_do(9, PUPPET_FORK, 10);
	puppet_do(10, PUPPET_FORK, 11);
	puppet_do(9, PUPPET_EXIT, 1);
	/* 10 went to the nearest subreaper above (1); 9 is an unreaped leader below 8. */
	puppet_do(10, PUPPET_SETPGID, 10);
	puppet_do(10, PUPPET_SIBLING, 12);
	puppet_do(12, PUPPET_FORK, 13);
	puppet_do(13, PUPPET_SETSID, 0);
	puppet_do(3, PUPPET_SUBREAPER, 0);
	puppet_do(1, PUPPET_SUBREAPER, 0);
	puppet_note_all();
	wl_check_eq(puppets[3].parent, puppets[1].pid);
	wl_check_eq(puppets[6].parent, puppets[3].pid);
	wl_check_eq(puppets[10].parent, puppets[1].pid);
	wl_ready_and_wait();
	puppet_check_all();
	puppet_end_all();
	wl_pass();
}
