/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pairs of the three types with reading, writing or both directions shut down on one end, one of
 * them, of datagrams, with a message that was queued before: every direction delivers or fails as
 * before, and what was queued is read.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 * wl: flavours host user unpriv
 */
#define _GNU_SOURCE
#include <signal.h>

#include "unix.h"

static const struct {
	int type, how;
} cases[] = {
	{ SOCK_STREAM, SHUT_RD },    { SOCK_STREAM, SHUT_WR },	  { SOCK_STREAM, SHUT_RDWR },
	{ SOCK_SEQPACKET, SHUT_RD }, { SOCK_SEQPACKET, SHUT_WR }, { SOCK_SEQPACKET, SHUT_RDWR },
	{ SOCK_DGRAM, SHUT_RD },     { SOCK_DGRAM, SHUT_WR },	  { SOCK_DGRAM, SHUT_RDWR },
};
enum { CASES = sizeof(cases) / sizeof(cases[0]), QUEUED = CASES };

static int fds[CASES + 1][2];

/* What send() and recv() give on an end, without waiting. */
struct answer {
	int sent, sent_errno, got, got_errno;
};

static struct answer ask(int fd)
{
	struct answer a = { 0 };
	char byte;

	a.sent = send(fd, "x", 1, MSG_DONTWAIT);
	a.sent_errno = a.sent < 0 ? errno : 0;
	a.got = recv(fd, &byte, 1, MSG_DONTWAIT);
	a.got_errno = a.got < 0 ? errno : 0;
	return a;
}

static void ask_all(struct answer *answers)
{
	for (int i = 0; i < CASES; i++)
		for (int end = 0; end < 2; end++)
			*answers++ = ask(fds[i][end]);
}

int main(void)
{
	struct answer before[2 * CASES], after[2 * CASES];

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < CASES; i++) {
		wl_try(socketpair(AF_UNIX, cases[i].type, 0, fds[i]));
		wl_try(shutdown(fds[i][0], cases[i].how));
	}
	ask_all(before); /* what arrives stays for the next one */
	ask_all(before);
	wl_try(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds[QUEUED]));
	wl_check_eq(write(fds[QUEUED][0], "queued", 6), 6);
	wl_try(shutdown(fds[QUEUED][0], SHUT_WR));
	wl_ready_and_wait();
	ask_all(after);
	for (int i = 0; i < 2 * CASES; i++) {
		wl_check_eq(after[i].sent, before[i].sent);
		wl_check_eq(after[i].sent_errno, before[i].sent_errno);
		wl_check_eq(after[i].got, before[i].got);
		wl_check_eq(after[i].got_errno, before[i].got_errno);
	}
	un_expect(fds[QUEUED][1], "queued");
	un_expect_empty(fds[QUEUED][1]);
	wl_check_eq(write(fds[QUEUED][0], "x", 1), -1);
	wl_check_eq(errno, EPIPE);
	un_carry(fds[QUEUED][1], fds[QUEUED][0], 10, 1);
	wl_pass();
}
