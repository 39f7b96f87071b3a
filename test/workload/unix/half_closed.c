/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pairs of which one end was closed when a byte, or nothing, was unread at the other: the byte, the
 * end of file, and the number of the closed end is free. Where the closed end itself had left
 * something unread, its peer is told so (ECONNRESET), behind the byte.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 * wl: crossing none CRIU takes the error for its own
 * wl: left    a look at the messages takes the error away (doc/limits.md)
 */
#define _GNU_SOURCE
#include "unix.h"

static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET };

struct half {
	int open, closed;
};

static struct half make(int type, bool byte, bool unread, int number)
{
	struct half h;
	int fds[2];

	wl_try(socketpair(AF_UNIX, type, 0, fds));
	if (byte)
		wl_check_eq(write(fds[1], "b", 1), 1);
	if (unread)
		wl_check_eq(write(fds[0], "u", 1), 1);
	h.open = wl_move_fd(fds[0], number);
	h.closed = fds[1];
	wl_try(close(h.closed));
	return h;
}

static void check_reset(int fd)
{
	char c;

	wl_check_eq(read(fd, &c, 1), -1);
	wl_check_eq(errno, ECONNRESET);
}

static void check(const struct half *h, int type, bool byte, bool unread)
{
	char c = 0;

	/* A stream tells the error when it is empty, the other one first of all. */
	if (unread && type == SOCK_SEQPACKET)
		check_reset(h->open);
	if (byte) {
		wl_check_eq(read(h->open, &c, 1), 1);
		wl_check_eq(c, 'b');
	}
	if (unread && type == SOCK_STREAM)
		check_reset(h->open);
	if (read(h->open, &c, 1) != 0)
		wl_pfail("end of file, type %d byte %d unread %d", type, byte, unread);
	wl_check_eq(send(h->open, "x", 1, MSG_NOSIGNAL), -1);
	wl_check_eq(errno, EPIPE);
	wl_check_eq(close(h->closed), -1);
	wl_check_eq(errno, EBADF);
}

int main(void)
{
	struct half h[2][4];

	for (int i = 0; i < 2; i++)
		for (int k = 0; k < 4; k++)
			h[i][k] = make(types[i], k & 1, k & 2, 100 + 4 * i + k);
	wl_ready_and_wait();
	for (int i = 0; i < 2; i++)
		for (int k = 0; k < 4; k++)
			check(&h[i][k], types[i], k & 1, k & 2);
	wl_pass();
}
