/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fork storm with children that live for ten milliseconds each.
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
	storm(10);
	wl_pass();
}
