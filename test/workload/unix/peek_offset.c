/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SO_PEEK_OFF with messages that wait: what a peek shows next is what it would have shown, and the
 * dump's own looks leave no trace.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 * wl: crossing none CRIU forgets the offset
 */
#define _GNU_SOURCE
#include "unix.h"

static void expect_peek(int fd, const char *text)
{
	char buf[64];

	wl_check_eq(recv(fd, buf, strlen(text), MSG_PEEK | MSG_DONTWAIT), strlen(text));
	wl_check(!memcmp(buf, text, strlen(text)));
}

int main(void)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	int fds[3][2], plain[2], zero = 0, off;
	socklen_t len = sizeof(off);

	for (int i = 0; i < 3; i++) {
		wl_try(socketpair(AF_UNIX, types[i], 0, fds[i]));
		wl_check_eq(write(fds[i][0], "first", 5), 5);
		wl_check_eq(write(fds[i][0], "second", 6), 6);
		wl_try(setsockopt(fds[i][1], SOL_SOCKET, SO_PEEK_OFF, &zero, sizeof(zero)));
		expect_peek(fds[i][1], "first");
	}
	wl_try(socketpair(AF_UNIX, SOCK_DGRAM, 0, plain));
	wl_check_eq(write(plain[0], "one", 3), 3);
	wl_check_eq(write(plain[0], "two", 3), 3);
	wl_ready_and_wait();
	for (int i = 0; i < 3; i++) {
		wl_try(getsockopt(fds[i][1], SOL_SOCKET, SO_PEEK_OFF, &off, &len));
		wl_check_eq(off, 5);
		expect_peek(fds[i][1], "second");
	}
	wl_try(getsockopt(plain[1], SOL_SOCKET, SO_PEEK_OFF, &off, &len));
	wl_check_eq(off, -1);
	expect_peek(plain[1], "one");
	expect_peek(plain[1], "one");
	wl_pass();
}
