/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process groups that live on without the process that made them, which is alive in another group:
 * one that left for a sibling's group, two that have changed places (once with children that
 * stayed, once without: somebody who is dead by now was in between), one below an inner session,
 * one that is a zombie in the other group, one whose group has the children of its children only.
 * (It can't be in another session: setsid fails as long as a group has the caller's id.)
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 *	wl: cycles  2
 *	wl: crossing none CRIU's images have no mask, user or limits of zombies
 */
#define _GNU_SOURCE
#include "puppet.h"

static void check_group(int slot, int leader)
{
	wl_check_eq(puppets[slot].group, puppets[leader].pid);
}

static void leave_for_sibling(void)
{
	puppet_do(0, PUPPET_FORK, 1);
	puppet_do(1, PUPPET_SETPGID, 1);
	puppet_do(0, PUPPET_FORK, 2);
	puppet_do(2, PUPPET_SETPGID, 1);
	puppet_do(0, PUPPET_FORK, 3);
	puppet_do(3, PUPPET_SETPGID, 3);
	puppet_do(1, PUPPET_SETPGID, 3);
}

static void change_places(void)
{
	puppet_do(0, PUPPET_FORK, 4);
	puppet_do(4, PUPPET_SETPGID, 4);
	puppet_do(0, PUPPET_FORK, 5);
	puppet_do(5, PUPPET_SETPGID, 5);
	puppet_do(4, PUPPET_FORK, 6);
	puppet_do(5, PUPPET_FORK, 7);
	puppet_do(4, PUPPET_SETPGID, 5);
	puppet_do(5, PUPPET_SETPGID, 4);
}

static void change_places_alone(void)
{
	puppet_do(0, PUPPET_FORK, 14);
	puppet_do(14, PUPPET_SETPGID, 14);
	puppet_do(0, PUPPET_FORK, 15);
	puppet_do(15, PUPPET_SETPGID, 15);
	puppet_do(14, PUPPET_FORK, 16);
	puppet_do(14, PUPPET_SETPGID, 15);
	puppet_do(15, PUPPET_SETPGID, 14);
	puppet_do(16, PUPPET_EXIT, 0);
	puppet_do(14, PUPPET_REAP, 16);
}

/* 8 leads a session; 9 made a group there that only its grandchild is left in. */
static void leave_in_session(void)
{
	puppet_do(0, PUPPET_FORK, 8);
	puppet_do(8, PUPPET_SETSID, 0);
	puppet_do(8, PUPPET_FORK, 9);
	puppet_do(9, PUPPET_SETPGID, 9);
	puppet_do(9, PUPPET_FORK, 10);
	puppet_do(10, PUPPET_FORK, 11);
	puppet_do(9, PUPPET_SETPGID, 8);
	puppet_do(10, PUPPET_SETPGID, 8);
}

static void leave_and_die(void)
{
	puppet_do(0, PUPPET_FORK, 12);
	puppet_do(12, PUPPET_SETPGID, 12);
	puppet_do(12, PUPPET_FORK, 13);
	puppet_do(12, PUPPET_SETPGID, 3);
	puppet_do(12, PUPPET_EXIT, 5);
}

int main(void)
{
	puppet_init();
	puppet_do(0, PUPPET_SUBREAPER, 1);
	leave_for_sibling();
	change_places();
	change_places_alone();
	leave_in_session();
	leave_and_die();
	puppet_note_all();
	check_group(1, 3);
	check_group(2, 1);
	check_group(4, 5);
	check_group(5, 4);
	check_group(6, 4);
	check_group(7, 5);
	check_group(14, 15);
	check_group(15, 14);
	check_group(9, 8);
	check_group(11, 9);
	check_group(12, 3);
	check_group(13, 12);
	wl_ready_and_wait();
	puppet_check_all();
	/* The groups are the kernel's own: a signal to one reaches its members. */
	wl_try(kill(-puppets[1].pid, 0));
	wl_try(kill(-puppets[12].pid, 0));
	puppet_end_all();
	wl_pass();
}
