/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An orphan was re-parented to the tree's top before its former ancestor (in a session of its
 * own) became a subreaper: its parent must be the same afterwards. The subreaper flag, set
 * again while the tree is built, must not attract it.
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 *	wl: crossing from CRIU has the subreaper attract the orphan
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
	puppet_do(2, PUPPET_FORK, 3);
	puppet_do(2, PUPPET_EXIT, 0);
	puppet_do(1, PUPPET_REAP, 2);
	puppet_do(1, PUPPET_SUBREAPER, 1);
	puppet_note_all();
	wl_check_eq(puppets[3].parent, getpid());
	wl_check_eq(puppets[3].session, puppets[1].pid);
	wl_ready_and_wait();
	puppet_check_all();
	puppet_end_all();
	wl_pass();
}
