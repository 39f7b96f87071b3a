/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pairs of the three types, used before, with two messages that wait in each direction: they are
 * read in order, with the bounds of datagrams and seqpackets, and the pairs go on carrying data.
 * So many of them that several threads restore them.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 * wl: flavours host user unpriv
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "workload.h"

#define PAIRS 96

static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };

static void exchange(int from, int to)
{
	char buf[16];

	wl_check_eq(write(from, "ping", 4), 4);
	wl_check_eq(read(to, buf, sizeof(buf)), 4);
	wl_check(!memcmp(buf, "ping", 4));
}

static void put(int fd)
{
	wl_check_eq(write(fd, "first", 5), 5);
	wl_check_eq(write(fd, "second one", 10), 10);
}

static void check_queued(int fd, int type)
{
	char buf[32];

	if (type == SOCK_STREAM) {
		wl_check_eq(read(fd, buf, sizeof(buf)), 15);
		wl_check(!memcmp(buf, "firstsecond one", 15));
	} else {
		wl_check_eq(read(fd, buf, sizeof(buf)), 5);
		wl_check(!memcmp(buf, "first", 5));
		wl_check_eq(read(fd, buf, sizeof(buf)), 10);
		wl_check(!memcmp(buf, "second one", 10));
	}
	wl_check_eq(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), -1);
	wl_check_eq(errno, EAGAIN);
}

int main(void)
{
	int fds[PAIRS][2];

	for (int i = 0; i < PAIRS; i++) {
		wl_try(socketpair(AF_UNIX, types[i % 3], 0, fds[i]));
		exchange(fds[i][0], fds[i][1]);
		exchange(fds[i][1], fds[i][0]);
		put(fds[i][0]);
		put(fds[i][1]);
	}
	wl_ready_and_wait();
	for (int i = 0; i < PAIRS; i++) {
		check_queued(fds[i][0], types[i % 3]);
		check_queued(fds[i][1], types[i % 3]);
		exchange(fds[i][0], fds[i][1]);
		exchange(fds[i][1], fds[i][0]);
	}
	wl_pass();
}
