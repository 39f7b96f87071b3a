/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree of a few hundred processes that grew by chance: forks, sibling clones, deaths,
 * subreapers coming and going, sessions, groups. The seed is fixed, so that a failure can be
 * looked at again.
 *
 *	wl: areas   task
 *	wl: crossing none CRIU can't restore such sessions, and keeps no mask of zombies
 *	wl: flavours host user ns userns
 *	wl: timeout 180
 */
#define _GNU_SOURCE
#include "puppet.h"

#define STEPS  1500
#define LIVING 250

static uint32_t state = 20240229;

static uint32_t chance(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % below;
}

static int next = 1, living = 1;

static int any(void)
{
	int slot;

	do
		slot = chance(next);
	while (!puppets[slot].alive);
	return slot;
}

static void step(void)
{
	int slot = any();

	switch (chance(12)) {
	case 0 ... 4:
		if (next < PUPPETS && living < LIVING) {
			puppet_do(slot, PUPPET_FORK, next++);
			living++;
		}
		break;
	case 5:
		if (slot && next < PUPPETS && living < LIVING) {
			puppet_do(slot, PUPPET_SIBLING, next++);
			living++;
		}
		break;
	case 6:
	case 7:
		if (slot && living > 20) {
			puppet_do(slot, PUPPET_EXIT, chance(256));
			living--;
		}
		break;
	case 8:
		if (slot)
			puppet_do(slot, PUPPET_SUBREAPER, chance(2));
		break;
	case 9:
		puppet_look(&puppets[slot], &puppets[slot]);
		if (slot && puppets[slot].group != puppets[slot].pid)
			puppet_do(slot, PUPPET_SETSID, 0);
		break;
	default:
		puppet_look(&puppets[slot], &puppets[slot]);
		if (slot && puppets[slot].session != puppets[slot].pid)
			puppet_do(slot, PUPPET_SETPGID, slot);
	}
}

/* Every second zombie that a living puppet holds is reaped; the others stay. */
static void reap_some(void)
{
	for (int i = 1; i < next; i++) {
		if (puppets[i].alive || !puppets[i].pid || i % 2)
			continue;
		puppet_look(&puppets[i], &puppets[i]);
		for (int j = 0; j < next; j++)
			if (puppets[j].alive && puppets[j].pid == puppets[i].parent) {
				puppet_do(j, PUPPET_REAP, i);
				break;
			}
	}
}

int main(void)
{
	puppet_init();
	puppet_do(0, PUPPET_SUBREAPER, 1);
	for (int i = 0; i < STEPS; i++)
		step();
	reap_some();
	puppet_note_all();
	wl_ready_and_wait();
	puppet_check_all();
	puppet_end_all();
	wl_pass();
}
