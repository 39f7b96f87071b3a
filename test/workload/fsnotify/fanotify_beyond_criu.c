/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Marks that CRIU has no place for: on a whole file system, beside one on its mount; on a directory
 * with FAN_MARK_IGNORE, of whose children some events are not wanted; on a removed file that is
 * open; on a symbolic link; with a manner of ignoring, and nothing to ignore.
 * The groups were made to be non-blocking afterwards.
 *
 * wl: areas fsnotify
 * wl: flavours host
 * wl: ignore fdinfo
 * wl: crossing none CRIU knows neither marks on file systems nor FAN_MARK_IGNORE
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

static char *marks(int fd)
{
	char *text = wl_read_file(wl_format("/proc/self/fdinfo/%d", fd));

	return strstr(text, "fanotify ");
}

/* Others use /proc too. */
static bool seen(int fd, uint64_t mask)
{
	struct fanotify_event_metadata e;

	while (read(fd, &e, sizeof(e)) == sizeof(e)) {
		close(e.fd);
		if (e.pid == getpid() && e.mask == mask)
			return true;
	}
	return false;
}

static void expect_only(int fd, uint64_t mask)
{
	struct fanotify_event_metadata e;

	wl_check_eq(read(fd, &e, sizeof(e)), sizeof(e));
	wl_check_eq(e.mask, mask);
	close(e.fd);
	wl_check_eq(read(fd, &e, sizeof(e)), -1);
	wl_check_eq(errno, EAGAIN);
}

static int new_group(void)
{
	int fd = wl_try(fanotify_init(FAN_CLASS_NOTIF, O_RDONLY));

	wl_try(fcntl(fd, F_SETFL, O_NONBLOCK));
	return fd;
}

static void mark(int fd, unsigned int flags, uint64_t mask, const char *path)
{
	wl_try(fanotify_mark(fd, FAN_MARK_ADD | flags, mask, AT_FDCWD, path));
}

int main(void)
{
	int fd = new_group(), other = new_group(), third = new_group(), file, removed;
	char *before, *ignored;

	mark(fd, FAN_MARK_FILESYSTEM, FAN_MODIFY, "/proc");
	mark(fd, FAN_MARK_MOUNT, FAN_OPEN_EXEC, "/proc");
	wl_try(mkdir("quiet", 0700));
	mark(other, 0, FAN_OPEN | FAN_CLOSE_WRITE | FAN_EVENT_ON_CHILD, "quiet");
	mark(other, FAN_MARK_IGNORE_SURV, FAN_OPEN | FAN_EVENT_ON_CHILD, "quiet");
	wl_write_file("once", "");
	wl_try(symlink("once", "link"));
	mark(other, FAN_MARK_DONT_FOLLOW, FAN_OPEN, "link");
	/* How a mark ignores stays with it when it ignores nothing any more. */
	mark(other, 0, FAN_MODIFY, "once");
	mark(other, FAN_MARK_IGNORED_MASK | FAN_MARK_IGNORED_SURV_MODIFY, FAN_OPEN, "once");
	wl_try(fanotify_mark(other, FAN_MARK_REMOVE | FAN_MARK_IGNORED_MASK, FAN_OPEN, AT_FDCWD,
			     "once"));
	removed = wl_try(open("removed", O_RDWR | O_CREAT, 0600));
	mark(third, 0, FAN_MODIFY, "removed");
	wl_try(unlink("removed"));
	before = marks(fd);
	ignored = marks(other);

	wl_ready_and_wait();
	wl_check_text("marks", marks(fd), before);
	wl_check_text("marks that ignore", marks(other), ignored);
	wl_write_file("quiet/child", "");
	expect_only(other, FAN_CLOSE_WRITE);
	wl_check_eq(write(removed, "x", 1), 1);
	expect_only(third, FAN_MODIFY);
	file = wl_try(open("/proc/self/oom_score_adj", O_WRONLY));
	while (seen(fd, FAN_MODIFY))
		;
	wl_check_eq(write(file, "500", 3), 3);
	wl_check(seen(fd, FAN_MODIFY));
	wl_pass();
}
