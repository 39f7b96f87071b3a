/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An inotify descriptor that a parent and its child share, as two numbers, with a watch on a folder
 * and one on a file in it, which the child writes after the restore: the parent reads close-write
 * and create. It is watched by an epoll.
 *
 * wl: areas fsnotify
 * wl: flavours host user
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

static uint32_t seen(int fd, int wd)
{
	char buf[4096] __attribute__((aligned(8)));
	ssize_t n = read(fd, buf, sizeof(buf));
	uint32_t mask = 0;

	for (char *at = buf; n > 0 && at < buf + n;) {
		struct inotify_event *e = (struct inotify_event *)at;

		if (e->wd == wd)
			mask |= e->mask;
		at += sizeof(*e) + e->len;
	}
	return mask;
}

int main(void)
{
	int fd = wl_try(inotify_init1(IN_NONBLOCK)), poller = wl_try(epoll_create1(0)), dir, file;
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 4711 };
	pid_t child;

	wl_try(mkdir("dir", 0700));
	wl_write_file("dir/file", "");
	wl_move_fd(fd, 40);
	fd = 40;
	dir = wl_try(inotify_add_watch(fd, "dir", IN_CREATE));
	file = wl_try(inotify_add_watch(fd, "dir/file", IN_CLOSE_WRITE));
	wl_try(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event));
	child = wl_fork_awaited();
	if (!child) {
		wl_move_fd(fd, 50);
		wl_child_wait();
		wl_write_file("dir/file", "x");
		_exit(0);
	}

	wl_ready_and_wait();
	wl_check(wl_same_description(getpid(), fd, child, 50));
	wl_check_eq(epoll_wait(poller, &event, 1, 0), 0);
	wl_finish(child);
	wl_check_eq(epoll_wait(poller, &event, 1, 10000), 1);
	wl_check_eq(event.data.u64, 4711);
	wl_check_eq(seen(fd, file), IN_CLOSE_WRITE);
	wl_write_file("dir/new", "");
	wl_check_eq(seen(fd, dir), IN_CREATE);
	wl_pass();
}
