/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues that are as full as the buffers allow, some of them made large: streams, datagrams and
 * seqpackets of all sizes. All comes out with its bounds, and the buffers have the
 * sizes that they had.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <stdlib.h>

#include "unix.h"

enum { LARGE = 2 << 20, MESSAGES = 2000 };

static char *buf;

static size_t fill(int fd, int type)
{
	size_t total = 0;

	for (int i = 0; i < MESSAGES; i++) {
		size_t size = type == SOCK_STREAM ? 30000 : 1 + (i * 977) % 70000;
		ssize_t n;

		wl_fill(buf, size, i);
		n = send(fd, buf, size, MSG_DONTWAIT);
		if (n < 0)
			return i;
		total += n;
		if ((size_t)n < size)
			return i + 1;
	}
	return MESSAGES;
}

static int option(int fd, int name)
{
	int value;
	socklen_t len = sizeof(value);

	wl_try(getsockopt(fd, SOL_SOCKET, name, &value, &len));
	return value;
}

static void check_messages(int fd, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t size = 1 + (i * 977) % 70000;
		ssize_t got = recv(fd, buf, LARGE, MSG_DONTWAIT);

		wl_check_eq(got, size);
		wl_check(wl_matches(buf, size, i));
	}
	un_expect_empty(fd);
}

static void check_stream(int fd, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t got = 0;

		while (got < 30000) {
			ssize_t more = recv(fd, buf + got, 30000 - got, MSG_DONTWAIT);

			if (more < 0 && i == n - 1)
				break;
			wl_check(more > 0);
			got += more;
		}
		if (i < n - 1 || got == 30000)
			wl_check(wl_matches(buf, 30000, i));
	}
	un_expect_empty(fd);
}

int main(void)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	int fds[6][2], large = LARGE, size[6];
	size_t n[6];

	buf = malloc(LARGE);
	wl_check(buf);
	for (int i = 0; i < 6; i++) {
		wl_try(socketpair(AF_UNIX, types[i % 3], 0, fds[i]));
		if (i >= 3)
			wl_try(setsockopt(fds[i][0], SOL_SOCKET, SO_SNDBUF, &large, sizeof(large)));
		size[i] = option(fds[i][0], SO_SNDBUF);
		n[i] = fill(fds[i][0], types[i % 3]);
	}
	wl_ready_and_wait();
	for (int i = 0; i < 6; i++) {
		wl_check_eq(option(fds[i][0], SO_SNDBUF), size[i]);
		if (types[i % 3] == SOCK_STREAM)
			check_stream(fds[i][1], n[i]);
		else
			check_messages(fds[i][1], n[i]);
	}
	wl_pass();
}
