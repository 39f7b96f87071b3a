/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte that was sent out of band: in the midst of a stream, at its start, at its end and alone.
 * It is where it was, and is read as such; what is around it is whole.
 *
 * wl: areas unix-sockets
 * wl: needs unix-oob
 * wl: cycles 3
 * wl: crossing none CRIU loses it
 */
#define _GNU_SOURCE
#include <sys/ioctl.h>
#include <linux/sockios.h>

#include "unix.h"

static const char *const before[] = { "before", "", "before", "" };
static const char *const behind[] = { "behind", "behind", "", "" };

static void check(int fd, const char *first, const char *last)
{
	char buf[32];
	int mark;

	if (*first) {
		wl_try(ioctl(fd, SIOCATMARK, &mark));
		wl_check_eq(mark, 0);
		un_expect(fd, first);
	}
	wl_try(ioctl(fd, SIOCATMARK, &mark));
	wl_check_eq(mark, 1);
	wl_check_eq(recv(fd, buf, 1, MSG_OOB | MSG_DONTWAIT), 1);
	wl_check_eq(buf[0], '!');
	if (*last)
		un_expect(fd, last);
	un_expect_empty(fd);
}

int main(void)
{
	int fds[4][2];

	for (int i = 0; i < 4; i++) {
		wl_try(socketpair(AF_UNIX, SOCK_STREAM, 0, fds[i]));
		if (*before[i])
			wl_check_eq(write(fds[i][0], before[i], 6), 6);
		wl_check_eq(send(fds[i][0], "!", 1, MSG_OOB), 1);
		if (*behind[i])
			wl_check_eq(write(fds[i][0], behind[i], 6), 6);
	}
	wl_ready_and_wait();
	for (int i = 0; i < 4; i++)
		check(fds[i][1], before[i], behind[i]);
	wl_pass();
}
