/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which areas a core dump would hold (core(5)): a property of the address space.
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 *	wl: crossing none CRIU keeps no core dump filter
 */
#define _GNU_SOURCE
#include "workload.h"

static void set(void *arg)
{
	wl_write_file("/proc/self/coredump_filter", arg);
}

static void check(void *arg)
{
	wl_check_text("coredump_filter", wl_read_file("/proc/self/coredump_filter"), arg);
}

int main(void)
{
	static char values[][12] = { "0000007f\n", "00000000\n", "000001aa\n" };

	set("0x7f");
	wl_actor_fork(NULL, check, values[0]);
	set("0");
	wl_actor_fork(NULL, check, values[1]);
	set("0x1aa");
	wl_ready_and_wait();
	check(values[2]);
	wl_actors_finish();
	wl_pass();
}
