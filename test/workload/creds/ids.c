/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real, effective, saved and file-system ids all different, supplementary groups none, few and
 * a thousand (in order, with repetitions), of children.
 *
 *	wl: areas   creds
 *	wl: flavours host ns
 *	wl: cycles  5
 *	wl: crossing to CRIU's buffer for /proc/PID/status is too small for the groups
 */
#define _GNU_SOURCE
#include "workload.h"

#include <grp.h>
#include <string.h>
#include <sys/fsuid.h>
#include <unistd.h>

#define MANY 1000

struct ids {
	uid_t uids[4];
	gid_t gids[4];
	int count;
	gid_t groups[MANY];
};

static void set(void *arg)
{
	struct ids *ids = arg;

	wl_try(setgroups(ids->count, ids->groups));
	/* The kernel sorts them: its order is the one to keep. */
	wl_check_eq(getgroups(MANY, ids->groups), ids->count);
	wl_try(setresgid(ids->gids[0], ids->gids[1], ids->gids[2]));
	setfsgid(ids->gids[3]);
	wl_try(setresuid(ids->uids[0], ids->uids[1], ids->uids[2]));
	setfsuid(ids->uids[3]);
}

static void check(void *arg)
{
	struct ids *want = arg, now;

	wl_try(getresuid(&now.uids[0], &now.uids[1], &now.uids[2]));
	wl_try(getresgid(&now.gids[0], &now.gids[1], &now.gids[2]));
	now.uids[3] = setfsuid(-1);
	now.gids[3] = setfsgid(-1);
	for (int i = 0; i < 4; i++) {
		wl_check_eq(now.uids[i], want->uids[i]);
		wl_check_eq(now.gids[i], want->gids[i]);
	}
	wl_check_eq(getgroups(MANY, now.groups), want->count);
	wl_check(!memcmp(now.groups, want->groups, want->count * sizeof(gid_t)));
}

int main(void)
{
	static struct ids all[] = {
		{ { 1, 2, 0, 2 }, { 5, 6, 7, 6 }, 0, { 0 } },
		{ { 1000, 0, 1001, 1002 }, { 2000, 0, 2001, 2002 }, 4, { 9, 3, 9, 100000 } },
		{ { 65534, 65534, 65534, 65534 }, { 4294967293u, 1, 1, 1 }, MANY, { 0 } },
		{ { 4000000000u, 4000000001u, 0, 4000000001u }, { 0 }, 1, { 4000000002u } },
	};

	for (int i = 0; i < MANY; i++)
		all[2].groups[i] = 5000 + (i * 7919) % MANY;
	for (int i = 0; i < 4; i++)
		wl_actor_fork(set, check, &all[i]);
	wl_ready_and_wait();
	wl_actors_finish();
	wl_pass();
}
