/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process groups whose leaders are gone: one leader is a zombie, one was reaped, of one only a
 * grandchild of the leader is left, which was re-parented to the root.
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 *	wl: crossing to CRIU keeps no mask of zombies
 */
#define _GNU_SOURCE
#include "puppet.h"

int main(void)
{
	puppet_init();
	puppet_do(0, PUPPET_SUBREAPER, 1);

	puppet_do(0, PUPPET_FORK, 1);
	puppet_do(1, PUPPET_SETPGID, 1);
	puppet_do(0, PUPPET_FORK, 2);
	puppet_do(2, PUPPET_SETPGID, 1);
	puppet_do(1, PUPPET_EXIT, 3);

	puppet_do(0, PUPPET_FORK, 3);
	puppet_do(3, PUPPET_SETPGID, 3);
	puppet_do(0, PUPPET_FORK, 4);
	puppet_do(4, PUPPET_SETPGID, 3);
	puppet_do(0, PUPPET_FORK, 5);
	puppet_do(5, PUPPET_SETPGID, 3);
	puppet_do(3, PUPPET_EXIT, 0);
	puppet_do(0, PUPPET_REAP, 3);

	puppet_do(0, PUPPET_FORK, 6);
	puppet_do(6, PUPPET_SETPGID, 6);
	puppet_do(6, PUPPET_FORK, 7);
	puppet_do(7, PUPPET_FORK, 8);
	puppet_do(7, PUPPET_EXIT, 0);
	puppet_do(6, PUPPET_EXIT, 0);
	puppet_do(0, PUPPET_REAP, 6);
	puppet_do(0, PUPPET_REAP, 7);
	puppet_note_all();
	wl_ready_and_wait();
	puppet_check_all();
	puppet_end_all();
	wl_pass();
}
