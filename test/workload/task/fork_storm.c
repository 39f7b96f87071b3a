/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ten children at a time are forked, write into a pipe and end, without a pause: the freeze
 * meets tasks that appear and vanish. All must be reaped with status 0, all bytes be there.
 *
 *	wl: areas   task
 *	wl: ignore   tree maps fds fdinfo links args status limits sched
 *	wl: flavours host user ns userns
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "storm.h"

int main(void)
{
	storm(0);
	wl_pass();
}
