/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two inotify descriptors with watches on a file (both of them, for all events), a folder, a
 * symbolic link, a FIFO, a file that is renamed since, and 64 folders more; with gaps in the
 * numbers, IN_ONESHOT and IN_EXCL_UNLINK. fdinfo shows the same lines afterwards; the queues are
 * empty, though the files are open and mapped in the tree; and events come with the old numbers.
 *
 * wl: areas fsnotify
 * wl: flavours host user
 * wl: crossing from CRIU follows a symbolic link that is watched
 * wl: left    the tool's own looks at files are events (doc/limits.md)
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

#define FOLDERS 64

/* The watches as fdinfo shows them, sorted: the kernel lists the newest first. */
static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *watches(int fd)
{
	char *path = wl_format("/proc/self/fdinfo/%d", fd), *text = wl_read_file(path);
	char *lines[256], *all = calloc(1, strlen(text) + 1);
	size_t n = 0;

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (!strncmp(line, "inotify ", 8))
			lines[n++] = line;
	qsort(lines, n, sizeof(*lines), by_text);
	for (size_t i = 0; i < n; i++)
		strcat(strcat(all, lines[i]), "\n");
	free(text);
	free(path);
	return all;
}

static void expect_none(int fd)
{
	char events[4096];

	wl_check(read(fd, events, sizeof(events)) < 0);
	wl_check_eq(errno, EAGAIN);
}

static void expect(int fd, int wd, uint32_t mask, const char *name)
{
	char buf[sizeof(struct inotify_event) + 256] __attribute__((aligned(8)));
	struct inotify_event *e = (struct inotify_event *)buf;
	/* One event at a time: room for no second. */
	size_t room = sizeof(*e) + (name ? 16 : 0);

	wl_check(read(fd, buf, room) >= (ssize_t)sizeof(*e));
	wl_check_eq(e->wd, wd);
	wl_check_eq(e->mask, mask);
	wl_check_text("the name in an event", e->len ? e->name : "", name ?: "");
}

int main(void)
{
	int one = wl_try(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)), two, open_fd, file, file2, dir,
	    link, moved, fifo, once, dropped;
	char *before[2], *map;

	two = wl_try(inotify_init1(IN_NONBLOCK));
	wl_write_file("file", "12345678");
	wl_write_file("moving", "");
	wl_write_file("once", "");
	wl_try(mkdir("dir", 0700));
	wl_try(symlink("file", "link"));
	wl_try(mkfifo("fifo", 0600));
	open_fd = wl_try(open("file", O_RDWR));
	map = wl_try(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, open_fd, 0));
	file = wl_try(inotify_add_watch(one, "file", IN_ALL_EVENTS));
	dropped = wl_try(inotify_add_watch(one, "fifo", IN_ALL_EVENTS));
	dir = wl_try(
		inotify_add_watch(one, "dir", IN_CREATE | IN_DELETE | IN_EXCL_UNLINK | IN_ONLYDIR));
	wl_try(inotify_rm_watch(one, dropped));
	link = wl_try(inotify_add_watch(one, "link", IN_ATTRIB | IN_DONT_FOLLOW));
	moved = wl_try(inotify_add_watch(one, "moving", IN_MODIFY));
	once = wl_try(inotify_add_watch(one, "once", IN_MODIFY | IN_ONESHOT));
	wl_try(rename("moving", "moved"));
	for (int i = 0; i < FOLDERS; i++) {
		char *name = wl_format("dir-%d", i);

		wl_try(mkdir(name, 0700));
		wl_try(inotify_add_watch(two, name, IN_CREATE));
	}
	fifo = wl_try(inotify_add_watch(two, "fifo", IN_OPEN));
	file2 = wl_try(inotify_add_watch(two, "file", IN_ALL_EVENTS));
	for (char events[4096]; read(one, events, sizeof(events)) > 0;)
		;
	for (int i = 0; i < 2; i++)
		before[i] = watches(i ? two : one);

	wl_ready_and_wait();
	wl_check_text("watches of the first", watches(one), before[0]);
	wl_check_text("watches of the second", watches(two), before[1]);
	expect_none(one);
	expect_none(two);
	map[0] = 'x';
	wl_check_eq(pwrite(open_fd, "y", 1, 1), 1);
	expect(one, file, IN_MODIFY, NULL);
	expect(two, file2, IN_MODIFY, NULL);
	wl_write_file("dir/new", "");
	expect(one, dir, IN_CREATE, "new");
	wl_try(fchownat(AT_FDCWD, "link", -1, getgid(), AT_SYMLINK_NOFOLLOW));
	expect(one, link, IN_ATTRIB, NULL);
	wl_try(truncate("moved", 100));
	expect(one, moved, IN_MODIFY, NULL);
	wl_try(truncate("once", 100));
	expect(one, once, IN_MODIFY, NULL);
	expect(one, once, IN_IGNORED, NULL);
	wl_check_eq(close(wl_try(open("fifo", O_RDWR))), 0);
	expect(two, fifo, IN_OPEN, NULL);
	wl_try(mkdir("dir-63/in", 0700));
	expect(two, fifo - 1, IN_CREATE | IN_ISDIR, "in");
	expect_none(one);
	wl_pass();
}
