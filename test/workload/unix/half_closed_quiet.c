/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of a stream and of a seqpacket pair was closed when a byte was unread at the other: the
 * byte, the end of file, and the number of the closed end is free.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 * wl: flavours host user unpriv
 */
#define _GNU_SOURCE
#include "unix.h"

int main(void)
{
	static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET };
	int fds[2][2];
	char c;

	for (int i = 0; i < 2; i++) {
		wl_try(socketpair(AF_UNIX, types[i], 0, fds[i]));
		wl_check_eq(write(fds[i][1], "b", 1), 1);
	}
	for (int i = 0; i < 2; i++)
		wl_try(close(fds[i][1]));
	wl_ready_and_wait();
	for (int i = 0; i < 2; i++) {
		wl_check_eq(read(fds[i][0], &c, 1), 1);
		wl_check_eq(c, 'b');
		wl_check_eq(read(fds[i][0], &c, 1), 0);
		wl_check_eq(close(fds[i][1]), -1);
		wl_check_eq(errno, EBADF);
	}
	wl_pass();
}
