/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fifos in odd states: one with two names of which one is removed, the ends opened by one each; one
 * whose name a regular file has taken; a writing end alone with contents that a reader has left;
 * one read-write only, with a name; one open as a path only.
 *
 * wl: areas pipes files
 * wl: dump --link-remap
 * wl: cycles 3
 * wl: crossing to CRIU finds no removed fifo by another name
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

static void expect(int fd, const char *want)
{
	char buf[32] = "";

	wl_check_eq(read(fd, buf, sizeof(buf) - 1), strlen(want));
	wl_check(!strcmp(buf, want));
}

int main(void)
{
	int two[2], taken, alone, reader, both, path;
	struct stat st;

	wl_try(mkfifo("one", 0600));
	wl_try(link("one", "other"));
	two[0] = wl_try(open("one", O_RDONLY | O_NONBLOCK));
	two[1] = wl_try(open("other", O_WRONLY));
	wl_check_eq(write(two[1], "two", 3), 3);
	wl_try(unlink("one"));
	wl_try(mkfifo("taken", 0640));
	taken = wl_try(open("taken", O_RDWR));
	wl_check_eq(write(taken, "taken", 5), 5);
	wl_try(unlink("taken"));
	wl_write_file("taken", "file");
	wl_try(mkfifo("alone", 0600));
	reader = wl_try(open("alone", O_RDONLY | O_NONBLOCK));
	alone = wl_try(open("alone", O_WRONLY | O_NONBLOCK));
	wl_check_eq(write(alone, "alone", 5), 5);
	close(reader);
	wl_try(mkfifo("both", 0600));
	both = wl_try(open("both", O_RDWR | O_APPEND));
	wl_check_eq(write(both, "both", 4), 4);
	path = wl_try(open("both", O_PATH));
	wl_ready_and_wait();
	expect(two[0], "two");
	wl_check_eq(write(two[1], "2", 1), 1);
	expect(two[0], "2");
	expect(taken, "taken");
	wl_check_text("taken", wl_read_file("taken"), "file");
	signal(SIGPIPE, SIG_IGN);
	wl_check(write(alone, "x", 1) < 0 && errno == EPIPE);
	reader = wl_try(open("alone", O_RDONLY | O_NONBLOCK));
	expect(reader, "alone");
	expect(both, "both");
	wl_try(fstat(path, &st));
	wl_check(S_ISFIFO(st.st_mode));
	wl_check_eq(write(path, "", 1), -1);
	reader = wl_try(open(wl_format("/proc/self/fd/%d", path), O_RDONLY | O_NONBLOCK));
	wl_check_eq(write(both, "p", 1), 1);
	expect(reader, "p");
	wl_check(access("one", F_OK) < 0 && access("other", F_OK) == 0);
	wl_pass();
}
