/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two fanotify groups: one that reports descriptors, with marks on a file, on a directory and its
 * children, on a mount, with masks of what is ignored, and with one that an inode's eviction may
 * take; and one that reports names, with a mark on a directory. fdinfo shows the same marks
 * afterwards, the queues are empty, and events come with the flags and names that were asked for.
 *
 * wl: areas fsnotify
 * wl: flavours host
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The group's lines of fdinfo, sorted. */
static char *marks(int fd)
{
	char *path = wl_format("/proc/self/fdinfo/%d", fd), *text = wl_read_file(path);
	char *lines[64], *all = calloc(1, strlen(text) + 1);
	size_t n = 0;

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (!strncmp(line, "fanotify ", 9))
			lines[n++] = line;
	qsort(lines, n, sizeof(*lines), by_text);
	for (size_t i = 0; i < n; i++)
		strcat(strcat(all, lines[i]), "\n");
	return all;
}

static void mark(int fd, unsigned int flags, uint64_t mask, const char *path)
{
	wl_try(fanotify_mark(fd, FAN_MARK_ADD | flags, mask, AT_FDCWD, path));
}

static void expect_none(int fd)
{
	char buf[4096];

	wl_check_eq(read(fd, buf, sizeof(buf)), -1);
	wl_check_eq(errno, EAGAIN);
}

/* One event, of that file, through a descriptor with the flags that the group was made with. */
static void expect(int fd, uint64_t mask, ino_t ino)
{
	struct fanotify_event_metadata e;
	struct stat st;

	wl_check_eq(wl_try(read(fd, &e, sizeof(e))), sizeof(e));
	wl_check_eq(e.mask, mask);
	wl_check_eq(e.pid, getpid());
	wl_try(fstat(e.fd, &st));
	wl_check_eq(st.st_ino, ino);
	wl_check_eq(fcntl(e.fd, F_GETFD), FD_CLOEXEC);
	wl_check_eq(fcntl(e.fd, F_GETFL) & (O_ACCMODE | O_NOATIME), O_RDWR | O_NOATIME);
	close(e.fd);
}

static void expect_name(int fd, uint64_t mask, const char *name)
{
	union {
		struct fanotify_event_metadata head;
		char bytes[4096];
	} e;
	struct fanotify_event_info_fid *info = (void *)(&e.head + 1);
	struct file_handle *handle = (void *)info->handle;

	wl_check(read(fd, &e, sizeof(e)) > (ssize_t)(sizeof(e.head) + sizeof(*info)));
	wl_check_eq(e.head.mask, mask);
	wl_check_eq(e.head.fd, FAN_NOFD);
	wl_check_eq(info->hdr.info_type, FAN_EVENT_INFO_TYPE_DFID_NAME);
	wl_check_text("the name in an event", (char *)handle->f_handle + handle->handle_bytes,
		      name);
}

static ino_t ino_of(const char *path)
{
	struct stat st;

	wl_try(stat(path, &st));
	return st.st_ino;
}

static int set_up_first(void)
{
	int fd = wl_try(fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE,
				      O_RDWR | O_CLOEXEC | O_NOATIME));

	mark(fd, 0, FAN_MODIFY, "file");
	mark(fd, FAN_MARK_IGNORED_MASK | FAN_MARK_IGNORED_SURV_MODIFY, FAN_OPEN, "file");
	mark(fd, 0, FAN_OPEN | FAN_CLOSE_WRITE | FAN_EVENT_ON_CHILD | FAN_ONDIR, "dir");
	mark(fd, FAN_MARK_EVICTABLE, FAN_MODIFY, "held");
	mark(fd, FAN_MARK_MOUNT, FAN_OPEN_EXEC, "/proc");
	mark(fd, FAN_MARK_MOUNT | FAN_MARK_IGNORED_MASK | FAN_MARK_IGNORED_SURV_MODIFY, FAN_OPEN,
	     "/proc");
	return fd;
}

int main(void)
{
	char *before[2];
	int held, one, two;

	for (char **name = (char *[]){ "file", "held", NULL }; *name; name++)
		wl_write_file(*name, "12345678");
	wl_try(mkdir("dir", 0700));
	wl_write_file("dir/child", "");
	held = wl_try(open("held", O_RDWR));
	one = set_up_first();
	two = wl_try(
		fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK | FAN_REPORT_DFID_NAME, O_RDONLY));
	mark(two, FAN_MARK_ONLYDIR, FAN_CREATE | FAN_DELETE | FAN_ONDIR, "dir");
	before[0] = marks(one);
	before[1] = marks(two);

	wl_ready_and_wait();
	wl_check_text("marks of the first group", marks(one), before[0]);
	wl_check_text("marks of the second group", marks(two), before[1]);
	expect_none(one);
	expect_none(two);
	wl_write_file("file", "x");
	expect(one, FAN_MODIFY, ino_of("file"));
	close(wl_try(open("dir/child", O_RDONLY)));
	expect(one, FAN_OPEN, ino_of("dir/child"));
	wl_check_eq(pwrite(held, "x", 1, 0), 1);
	expect(one, FAN_MODIFY, ino_of("held"));
	wl_try(mkdir("dir/new", 0700));
	expect_name(two, FAN_CREATE | FAN_ONDIR, "new");
	expect_none(one);
	expect_none(two);
	wl_pass();
}
