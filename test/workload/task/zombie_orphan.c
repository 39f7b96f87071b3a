/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A zombie whose parent has ended too, and who was in that parent's session: it was given to
 * the root, which has not reaped it. The pid must still exist after the restore, in a session
 * and a group whose leader has vanished.
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 *	wl: crossing none CRIU's images have no mask, user or limits of zombies
 */
#define _GNU_SOURCE
#include "puppet.h"

int main(void)
{
	int status;

	puppet_init();
	puppet_do(0, PUPPET_SUBREAPER, 1);
	puppet_do(0, PUPPET_FORK, 1);
	puppet_do(1, PUPPET_SETSID, 0);
	puppet_do(1, PUPPET_FORK, 2);
	puppet_do(2, PUPPET_EXIT, 12);
	puppet_do(1, PUPPET_EXIT, 0);
	puppet_do(0, PUPPET_REAP, 1);
	puppet_note_all();
	wl_check_eq(puppets[2].parent, getpid());
	wl_ready_and_wait();
	puppet_check_all();
	wl_try(kill(puppets[2].pid, 0));
	wl_check_eq(waitpid(puppets[2].pid, &status, 0), puppets[2].pid);
	wl_check_eq(status, 12 << 8);
	wl_pass();
}
