/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group that was made without CAP_SYS_ADMIN tells the ids of no other processes, after the
 * restore too.
 *
 * wl: areas fsnotify
 * wl: flavours user
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

static pid_t told_by(int fd)
{
	union {
		struct fanotify_event_metadata head;
		char bytes[4096];
	} e;

	wl_check(read(fd, &e, sizeof(e)) >= (ssize_t)sizeof(e.head));
	wl_check_eq(e.head.mask, FAN_CREATE);
	return e.head.pid;
}

int main(void)
{
	int fd = wl_try(fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK | FAN_REPORT_FID, O_RDONLY));
	pid_t child;

	wl_try(mkdir("dir", 0700));
	wl_try(fanotify_mark(fd, FAN_MARK_ADD, FAN_CREATE, AT_FDCWD, "dir"));
	child = wl_fork_awaited();
	if (!child) {
		wl_child_wait();
		wl_write_file("dir/theirs", "");
		_exit(0);
	}

	wl_ready_and_wait();
	wl_write_file("dir/own", "");
	wl_check_eq(told_by(fd), getpid());
	wl_finish(child);
	wl_check_eq(told_by(fd), 0);
	wl_pass();
}
