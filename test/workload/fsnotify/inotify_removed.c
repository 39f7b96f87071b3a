/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches on what has no name any more: a file that the program has open, one that only its child
 * has open, a directory that is open, and the working directory of the child; one of the names is
 * that of another file now. Afterwards the queues are empty, and the watches tell with their old
 * numbers what happens to the removed ones: written, closed, gone. The directory in which they
 * were tells of a file that gets the old name.
 *
 * wl: areas fsnotify
 * wl: flavours host user
 * wl: ignore fdinfo
 * wl: crossing none CRIU dumps no such watch, and its restore leaves events of its own
 * wl: left    the tool's own looks at files are events (doc/limits.md)
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

static int notify, dir, file, theirs, folder, cwd, moved;

static void expect(int wd, uint32_t mask)
{
	struct inotify_event e;
	ssize_t n = read(notify, &e, sizeof(e));

	if (n != sizeof(e))
		wl_pfail("no event %x for watch %d", mask, wd);
	wl_check_eq(e.wd, wd);
	wl_check_eq(e.mask, mask);
}

static void expect_named(int wd, uint32_t mask, const char *name)
{
	char buf[sizeof(struct inotify_event) + 16] __attribute__((aligned(8)));
	struct inotify_event *e = (struct inotify_event *)buf;

	wl_check_eq(read(notify, buf, sizeof(buf)), sizeof(buf));
	wl_check_eq(e->wd, wd);
	wl_check_eq(e->mask, mask);
	wl_check_text("the name in an event", e->name, name);
}

static void expect_none(void)
{
	char events[4096];

	wl_check_eq(read(notify, events, sizeof(events)), -1);
	wl_check_eq(errno, EAGAIN);
}

/* A removed file or directory goes with its last user. */
static void expect_end(int wd)
{
	expect(wd, IN_DELETE_SELF);
	expect(wd, IN_IGNORED);
}

/* Its IN_DELETE_SELF and IN_IGNORED. */
static int next_watch(void)
{
	struct inotify_event e;

	wl_check_eq(read(notify, &e, sizeof(e)), sizeof(e));
	wl_check_eq(e.mask, IN_DELETE_SELF);
	expect(e.wd, IN_IGNORED);
	return e.wd;
}

static pid_t start_child(void)
{
	pid_t child = wl_fork_awaited();

	if (child)
		return child;
	wl_try(mkdir("cwd", 0700));
	wl_try(chdir("cwd"));
	wl_try(open("../theirs", O_RDWR | O_CREAT, 0600));
	wl_child_wait();
	_exit(0);
}

int main(void)
{
	int fd, open_dir, first;
	pid_t child;

	notify = wl_try(inotify_init1(IN_NONBLOCK));
	wl_try(mkdir("dir", 0700));
	wl_try(mkdir("dir/folder", 0700));
	child = start_child();
	fd = wl_try(open("dir/file", O_RDWR | O_CREAT, 0600));
	open_dir = wl_try(open("dir/folder", O_RDONLY | O_DIRECTORY));
	dir = wl_try(inotify_add_watch(notify, "dir", IN_CREATE | IN_CLOSE_WRITE));
	file = wl_try(inotify_add_watch(notify, "dir/file", IN_MODIFY | IN_CLOSE | IN_DELETE_SELF));
	theirs = wl_try(inotify_add_watch(notify, "theirs", IN_DELETE_SELF));
	folder = wl_try(inotify_add_watch(notify, "dir/folder", IN_ATTRIB));
	cwd = wl_try(inotify_add_watch(notify, "cwd", IN_DELETE_SELF));
	wl_write_file("other", "");
	moved = wl_try(inotify_add_watch(notify, "other", IN_MODIFY));
	wl_try(unlink("dir/file"));
	wl_try(unlink("theirs"));
	wl_try(rename("other", "theirs"));
	wl_try(rmdir("dir/folder"));
	wl_try(rmdir("cwd"));
	for (char events[4096]; read(notify, events, sizeof(events)) > 0;)
		;

	wl_ready_and_wait();
	expect_none();
	wl_check_eq(write(fd, "x", 1), 1);
	expect(file, IN_MODIFY);
	close(fd);
	/* The directory in which a removed file was still hears of it: no IN_EXCL_UNLINK. */
	expect_named(dir, IN_CLOSE_WRITE, "file");
	expect(file, IN_CLOSE_WRITE);
	expect_end(file);
	wl_write_file("dir/file", "");
	expect_named(dir, IN_CREATE, "file");
	expect_named(dir, IN_CLOSE_WRITE, "file");
	wl_try(truncate("theirs", 3));
	expect(moved, IN_MODIFY);
	wl_try(fchmod(open_dir, 0755));
	expect(folder, IN_ATTRIB | IN_ISDIR);
	expect_none();
	wl_finish(child);
	/* Which of the two goes first is the kernel's. */
	first = next_watch();
	wl_check(first == theirs || first == cwd);
	wl_check_eq(next_watch(), theirs + cwd - first);
	expect_none();
	wl_pass();
}
