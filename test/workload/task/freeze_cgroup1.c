/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree is frozen through a freezer group (cgroup v1) that holds it, instead of by signals;
 * the group's state is what it was afterwards, and a fork storm in it comes through whole.
 *
 *	wl: areas    task
 *	wl: ignore   tree maps fds fdinfo links args status limits sched
 *	wl: needs    cgroup1
 *	wl: dump     --freeze-cgroup /sys/fs/cgroup/freezer/wl-freeze
 *	wl: crossing none the group's name is fixed, so that one run at a time can use it
 */
#define _GNU_SOURCE
#include "storm.h"

#include <sys/stat.h>

#define PARENT "/sys/fs/cgroup/freezer"
#define GROUP  "/sys/fs/cgroup/freezer/wl-freeze"

int main(void)
{
	char *pid = wl_format("%d", getpid());

	if (mkdir(GROUP, 0755) < 0 && errno != EEXIST)
		wl_pfail("mkdir " GROUP);
	wl_write_file(GROUP "/cgroup.procs", pid);
	storm(10);
	wl_check_text("freezer", wl_read_file(GROUP "/freezer.state"), "THAWED\n");
	wl_write_file(PARENT "/cgroup.procs", pid);
	wl_try(rmdir(GROUP));
	wl_pass();
}
