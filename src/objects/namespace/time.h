/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks of a tree: CLOCK_MONOTONIC and CLOCK_BOOTTIME go on where they were at the dump. */
#ifndef OBJECTS_NAMESPACE_TIME_H
#define OBJECTS_NAMESPACE_TIME_H

#include "model/dump.h"
#include "model/restore.h"

/* timens-<id>: what the clocks of the tree show now; id 0 for a tree in the tool's namespace. */
int time_write(struct dump *d);

/*
 * Before the root is forked: where its clocks would step back (after a reboot, on another machine),
 * or where it had a time namespace of its own, children of the tool are to be born in a new one.
 * *ret_back is a descriptor for time_leave, -1: nothing was done.
 */
int time_enter(struct restore *r, int *ret_back);
void time_leave(int *back);

#endif
