/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Empty messages among others, at the start and in the middle of a queue, of datagrams and of a
 * seqpacket connection, whose other end goes on or has said that it sends no more: all messages
 * come, and the end behind them.
 *
 * wl: areas unix-sockets
 * wl: crossing none CRIU loses what is behind an empty message
 */
#define _GNU_SOURCE
#include "unix.h"

static const struct {
	int type;
	bool ends, reads_no_more;
} cases[] = {
	{ SOCK_DGRAM },
	{ SOCK_SEQPACKET },
	{ SOCK_SEQPACKET, .ends = true },
	{ SOCK_DGRAM, .ends = true },
	{ SOCK_DGRAM, .reads_no_more = true },
};
enum { CASES = sizeof(cases) / sizeof(cases[0]) };

static const char *const messages[] = { "", "one", "", "", "two" };
enum { MESSAGES = sizeof(messages) / sizeof(messages[0]) };

static void fill(const int pair[2], int i)
{
	for (int n = 0; n < MESSAGES; n++)
		wl_check_eq(wl_try(send(pair[0], messages[n], strlen(messages[n]), 0)),
			    strlen(messages[n]));
	if (cases[i].ends)
		wl_try(shutdown(pair[0], SHUT_WR));
	if (cases[i].reads_no_more)
		wl_try(shutdown(pair[1], SHUT_RD));
}

static void check(int fd, int i)
{
	char buf[16];

	for (int n = 0; n < MESSAGES; n++) {
		ssize_t len = wl_try(recv(fd, buf, sizeof(buf), MSG_DONTWAIT));

		if (len != (ssize_t)strlen(messages[n]) || memcmp(buf, messages[n], len))
			wl_fail("message %d of case %d is \"%.*s\"", n, i, (int)len, buf);
	}
	if (cases[i].type == SOCK_SEQPACKET && cases[i].ends)
		wl_check_eq(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), 0);
	else
		un_expect_empty(fd);
}

int main(void)
{
	int pairs[CASES][2];

	for (int i = 0; i < CASES; i++) {
		wl_try(socketpair(AF_UNIX, cases[i].type, 0, pairs[i]));
		fill(pairs[i], i);
	}
	wl_ready_and_wait();
	for (int i = 0; i < CASES; i++)
		check(pairs[i][1], i);
	wl_pass();
}
