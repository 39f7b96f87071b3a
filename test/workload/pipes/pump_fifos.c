/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parent and child pump blocks of up to 1 MiB round two fifos all the time; what is read is what
 * was written, at whatever instant they are dumped.
 *
 * wl: areas pipes
 * wl: cycles 5
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

enum { MAX = 1 << 20 };

static void read_all(int fd, char *buf, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = wl_try(read(fd, buf + done, len - done));

		wl_check(n > 0);
		done += n;
	}
}

static void write_all(int fd, const char *buf, size_t len)
{
	for (size_t done = 0; done < len;)
		done += wl_try(write(fd, buf + done, len - done));
}

/* A block is its length, a seed, and the data; length 0 ends it. The child sends each back. */
static void echo(int in, int out)
{
	char *buf = malloc(MAX);
	uint32_t head[2];

	wl_check(buf);
	do {
		read_all(in, (char *)head, sizeof(head));
		read_all(in, buf, head[0]);
		if (!wl_matches(buf, head[0], head[1]))
			wl_fail("the child got a wrong block %u", head[1]);
		write_all(out, (char *)head, sizeof(head));
		write_all(out, buf, head[0]);
	} while (head[0]);
	_exit(0);
}

int main(void)
{
	char *buf = malloc(MAX);
	int there, back;
	uint32_t seed = 1;
	pid_t pid;

	wl_check(buf);
	wl_try(mkfifo("there", 0600));
	wl_try(mkfifo("back", 0600));
	pid = wl_fork_awaited();
	if (pid == 0) {
		wl_child_ready();
		there = wl_try(open("there", O_RDONLY));
		back = wl_try(open("back", O_WRONLY));
		echo(there, back);
	}
	there = wl_try(open("there", O_WRONLY));
	back = wl_try(open("back", O_RDONLY));
	wl_ready();
	for (bool last = false; !last; seed++) {
		uint32_t head[2] = { (last = wl_should_stop()) ? 0 : seed * 7919 % MAX + 1, seed };
		uint32_t got[2];

		wl_fill(buf, head[0], seed);
		write_all(there, (char *)head, sizeof(head));
		write_all(there, buf, head[0]);
		read_all(back, (char *)got, sizeof(got));
		wl_check_eq(got[0], head[0]);
		wl_check_eq(got[1], seed);
		read_all(back, buf, got[0]);
		if (!wl_matches(buf, got[0], seed))
			wl_fail("block %u came back changed", seed);
		wl_sleep_ms(2);
	}
	wl_reap(pid);
	wl_pass();
}
