/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every option of SOL_SOCKET that has a use on a unix socket is set to something that it is not by
 * default, on a stream, a datagram and a seqpacket pair, and all that can be read is as before:
 * what was set and what was not. A classic filter filters on. The other end has all defaults.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 * wl: crossing none CRIU drops most of them
 */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/time.h>

#include "unix.h"

enum { OPTIONS = 100, VALUE_MAX = 128, PEERCRED = 17, PEERSEC = 31, PEERPIDFD = 77, COOKIE = 57 };

static const struct {
	int name, value;
} settings[] = {
	{ SO_REUSEADDR, 1 },
	{ SO_DONTROUTE, 1 },
	{ SO_BROADCAST, 1 },
	{ SO_SNDBUF, 50000 },
	{ SO_RCVBUF, 60000 },
	{ SO_KEEPALIVE, 1 },
	{ SO_OOBINLINE, 1 },
	{ SO_PRIORITY, 5 },
	{ SO_NO_CHECK, 1 },
	{ SO_PASSCRED, 1 },
	{ SO_RCVLOWAT, 3 },
	{ SO_MARK, 77 },
	{ 34, 1 }, /* SO_PASSSEC */
	{ 42, 2 }, /* SO_PEEK_OFF */
	{ 72, 1 }, /* SO_BUF_LOCK */
	{ 76, 1 }, /* SO_PASSPIDFD */
	{ 83, 0 }, /* SO_PASSRIGHTS */
};
enum { TIMESTAMP = 29 }; /* has no effect on a stream */

struct reading {
	socklen_t len[OPTIONS];
	unsigned char value[OPTIONS][VALUE_MAX];
};

/* What reading changes (SO_ERROR is cleared) or can't be compared is left out. */
static bool is_compared(int name)
{
	return name != SO_ERROR && name != PEERPIDFD && name != COOKIE && name != PEERSEC;
}

static void read_all(int fd, struct reading *r)
{
	memset(r, 0, sizeof(*r));
	for (int i = 1; i < OPTIONS; i++) {
		r->len[i] = VALUE_MAX;
		if (!is_compared(i) || getsockopt(fd, SOL_SOCKET, i, r->value[i], &r->len[i]) < 0)
			r->len[i] = 0;
	}
}

static void compare(int fd, const struct reading *want, const char *which)
{
	static struct reading got;

	read_all(fd, &got);
	for (int i = 1; i < OPTIONS; i++)
		if (got.len[i] != want->len[i] ||
		    memcmp(got.value[i], want->value[i], want->len[i]))
			wl_fail("option %d of %s is %d now, was %d", i, which, *(int *)got.value[i],
				*(const int *)want->value[i]);
}

static int set(int fd, int type)
{
	struct timeval times[2] = { { 12, 340000 }, { 5, 600000 } };
	struct linger linger = { 1, 42 };
	int n = 0, on = 1;

	if (type != SOCK_STREAM)
		wl_try(setsockopt(fd, SOL_SOCKET, TIMESTAMP, &on, sizeof(on)));
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		n += setsockopt(fd, SOL_SOCKET, settings[i].name, &settings[i].value,
				sizeof(int)) == 0;
	wl_try(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &times[0], sizeof(times[0])));
	wl_try(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &times[1], sizeof(times[1])));
	wl_try(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	return n;
}

static void filter(int fd)
{
	/* Only messages whose first byte is 'y'. */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'y', 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = { 4, code };

	wl_try(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)));
}

int main(void)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	static const char *const names[] = { "stream", "datagram", "seqpacket" };
	static struct reading before[3][2];
	int fds[3][2], filtered[2];

	for (int i = 0; i < 3; i++) {
		wl_try(socketpair(AF_UNIX, types[i], 0, fds[i]));
		wl_check(set(fds[i][0], types[i]) > 12);
		for (int k = 0; k < 2; k++)
			read_all(fds[i][k], &before[i][k]);
	}
	wl_try(socketpair(AF_UNIX, SOCK_DGRAM, 0, filtered));
	filter(filtered[0]);
	wl_ready_and_wait();
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 2; k++)
			compare(fds[i][k], &before[i][k], names[i]);
	send(filtered[1], "no", 2, 0);
	wl_check_eq(send(filtered[1], "yes", 3, 0), 3);
	un_expect(filtered[0], "yes");
	wl_pass();
}
