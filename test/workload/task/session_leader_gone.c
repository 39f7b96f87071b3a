/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Orphans of a dead session leader: they came to the root, and in a second case to an inner
 * subreaper, which must keep them: none may end up outside of the tree.
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 *	wl: crossing from CRIU cannot place the members of such a session
 */
#define _GNU_SOURCE
#include "puppet.h"

int main(void)
{
	puppet_init();
	puppet_do(0, PUPPET_SUBREAPER, 1);

	puppet_do(0, PUPPET_FORK, 1);
	puppet_do(1, PUPPET_SETSID, 0);
	puppet_do(1, PUPPET_FORK, 2);
	puppet_do(1, PUPPET_FORK, 3);
	puppet_do(3, PUPPET_SETPGID, 3);
	puppet_do(1, PUPPET_EXIT, 0);
	puppet_do(0, PUPPET_REAP, 1);

	puppet_do(0, PUPPET_FORK, 4);
	puppet_do(4, PUPPET_SUBREAPER, 1);
	puppet_do(4, PUPPET_FORK, 5);
	puppet_do(5, PUPPET_SETSID, 0);
	puppet_do(5, PUPPET_FORK, 6);
	puppet_do(6, PUPPET_FORK, 7);
	puppet_do(5, PUPPET_EXIT, 0);
	puppet_do(4, PUPPET_REAP, 5);
	puppet_note_all();
	wl_check_eq(puppets[2].parent, getpid());
	wl_check_eq(puppets[6].parent, puppets[4].pid);
	wl_ready_and_wait();
	puppet_check_all();
	puppet_do(4, PUPPET_EXIT, 0);
	puppet_look(&puppets[6], &puppets[6]);
	wl_check_eq(puppets[6].parent, getpid());
	puppet_end_all();
	wl_pass();
}
