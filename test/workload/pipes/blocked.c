/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks that sleep in pipe calls while they are dumped: a reader of an empty pipe, a writer to a
 * full one, an opener of a fifo without the other side, and one in poll(). They go on sleeping,
 * and wake by the event that they wait for, without an error.
 *
 * wl: areas pipes task
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

enum { FULL = 65536 };

static int empty[2], full[2], polled[2];

static void reader(void)
{
	char byte;

	wl_check_eq(read(empty[0], &byte, 1), 1);
	wl_check_eq(byte, 'r');
	_exit(0);
}

static void writer(void)
{
	char buf[FULL];

	wl_fill(buf, FULL, 2);
	wl_check_eq(write(full[1], buf, FULL), FULL);
	_exit(0);
}

static void opener(void)
{
	int fd = wl_try(open("fifo", O_RDONLY));
	char byte;

	wl_check_eq(read(fd, &byte, 1), 1);
	wl_check_eq(byte, 'o');
	_exit(0);
}

static void poller(void)
{
	struct pollfd fd = { polled[0], POLLIN, 0 };

	wl_check_eq(poll(&fd, 1, -1), 1);
	wl_check_eq(fd.revents, POLLIN);
	_exit(0);
}

int main(void)
{
	static void (*const role[])(void) = { reader, writer, opener, poller };
#ifdef SYS_poll
	const long poll_call = SYS_poll;
#else /* newer processors' tables have but this one, and the C library calls it */
	const long poll_call = SYS_ppoll;
#endif
	const long call[] = { SYS_read, SYS_write, SYS_openat, poll_call };
	char buf[FULL];
	pid_t pid[4];
	int fd;

	wl_try(mkfifo("fifo", 0600));
	wl_try(pipe(empty));
	wl_try(pipe(full));
	wl_try(pipe(polled));
	wl_fill(buf, FULL, 1);
	wl_check_eq(write(full[1], buf, FULL), FULL);
	for (int i = 0; i < 4; i++) {
		if ((pid[i] = wl_fork()) == 0)
			role[i]();
		wl_await_call(pid[i], call[i]);
	}
	wl_ready_and_wait();
	wl_check_eq(write(empty[1], "r", 1), 1);
	for (int round = 1; round <= 2; round++) {
		for (size_t done = 0; done < FULL;)
			done += wl_try(read(full[0], buf + done, FULL - done));
		wl_check(wl_matches(buf, FULL, round));
	}
	fd = wl_try(open("fifo", O_WRONLY));
	wl_check_eq(write(fd, "o", 1), 1);
	wl_check_eq(write(polled[1], "p", 1), 1);
	for (int i = 0; i < 4; i++)
		wl_reap(pid[i]);
	wl_pass();
}
