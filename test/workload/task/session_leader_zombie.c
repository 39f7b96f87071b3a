/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session whose leader is an unreaped zombie while a member of it lives: the session must be
 * built again although its leader exists as a corpse only.
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 *	wl: crossing none CRIU puts the orphans elsewhere, and its images have no user of a zombie
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
	puppet_do(2, PUPPET_FORK, 3);
	puppet_do(3, PUPPET_SETPGID, 3);
	puppet_do(1, PUPPET_EXIT, 77);
	/* A leader that is alone in its session, dead too. */
	puppet_do(0, PUPPET_FORK, 4);
	puppet_do(4, PUPPET_SETSID, 0);
	puppet_do(4, PUPPET_EXIT, -SIGUSR1);
	puppet_note_all();
	wl_ready_and_wait();
	puppet_check_all();
	wl_check_eq(waitpid(puppets[1].pid, &status, 0), puppets[1].pid);
	wl_check_eq(status, 77 << 8);
	wl_check_eq(waitpid(puppets[4].pid, &status, 0), puppets[4].pid);
	wl_check_eq(status, SIGUSR1);
	puppets[1].pid = puppets[4].pid = 0;
	puppet_end_all();
	wl_pass();
}
