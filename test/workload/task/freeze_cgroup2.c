/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree is frozen through a freezer group (cgroup v2) that holds it, instead of by signals;
 * the group's state is what it was afterwards, and a fork storm in it comes through whole.
 *
 *	wl: areas    task
 *	wl: ignore   tree maps fds fdinfo links args status limits sched
 *	wl: needs    cgroup2
 *	wl: dump     --freeze-cgroup /sys/fs/cgroup/unified/wl-freeze
 *	wl: crossing none the group's name is fixed, so that one run at a time can use it
 */
#define _GNU_SOURCE
#include "storm.h"

#include <sys/stat.h>

#define TOP    "/sys/fs/cgroup"
#define PARENT "/sys/fs/cgroup/unified"
#define GROUP  "/sys/fs/cgroup/unified/wl-freeze"

int main(void)
{
	char *pid = wl_format("%d", getpid());
	/* A group of that name, where version 2 is the only one and so is mounted above. */
	bool made = mkdir(PARENT, 0755) == 0;

	if (mkdir(GROUP, 0755) < 0 && errno != EEXIST)
		wl_pfail("mkdir " GROUP);
	wl_write_file(GROUP "/cgroup.procs", pid);
	storm(10);
	wl_check_text("freezer", wl_read_file(GROUP "/cgroup.freeze"), "0\n");
	wl_write_file(made ? TOP "/cgroup.procs" : PARENT "/cgroup.procs", pid);
	wl_try(rmdir(GROUP));
	if (made)
		wl_try(rmdir(PARENT));
	wl_pass();
}
