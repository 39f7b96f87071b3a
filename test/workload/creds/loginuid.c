/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit login uid, set from unset.
 *
 *	wl: areas   creds
 *	wl: flavours host ns
 *	wl: needs   loginuid
 */
#define _GNU_SOURCE
#include "workload.h"

int main(void)
{
	wl_write_file("/proc/self/loginuid", "3");
	wl_check_text("loginuid", wl_read_file("/proc/self/loginuid"), "3");
	wl_ready_and_wait();
	wl_check_text("loginuid", wl_read_file("/proc/self/loginuid"), "3");
	wl_pass();
}
