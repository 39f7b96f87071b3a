/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients have closed their connections before a listener accepted them: one has said nothing, one
 * has written much, one was another process of another user with a name, which has ended; and one
 * in between is still there. The server gets all of it in their order, with the ends of file, knows
 * who they were, and sees no error.
 *
 * wl: areas unix-sockets
 * wl: cycles 2
 * wl: crossing none CRIU refuses it
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "unix.h"

#define BIG    150000
#define NOBODY 65534

static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET };
#define TYPES 2

static struct set {
	int listener, living;
	pid_t other;
	struct un_addr name;
} sets[TYPES];

static void write_much(int fd)
{
	char *buf = malloc(BIG);
	int room = 4 * BIG;

	wl_try(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)));
	wl_fill(buf, BIG, 7);
	wl_check_eq(write(fd, buf, BIG), BIG);
	free(buf);
}

static void read_much(int fd)
{
	char *buf = malloc(BIG);

	wl_check_eq(recv(fd, buf, BIG, MSG_WAITALL), BIG);
	wl_check(wl_matches(buf, BIG, 7));
	free(buf);
}

static void set_up(struct set *s, int type)
{
	struct un_addr addr = un_path(wl_format("server%d", type));
	int fd;

	s->name = un_path(wl_format("client%d", type));
	s->listener = un_listening(type, addr, 5);
	wl_try(chmod(addr.sun.sun_path, 0666));
	close(un_connected(type, addr));
	fd = un_connected(type, addr);
	write_much(fd);
	close(fd);
	s->living = un_connected(type, addr);
	s->other = wl_fork();
	if (!s->other) {
		int own = un_bound(type, s->name);

		wl_try(setresuid(NOBODY, NOBODY, NOBODY));
		wl_try(connect(own, (struct sockaddr *)&addr.sun, addr.len));
		wl_check_eq(write(own, "last", 4), 4);
		wl_check_eq(write(own, "words", 5), 5);
		_exit(0);
	}
	wl_reap(s->other);
}

static void expect_end(int fd)
{
	char byte;
	int error = 1;
	socklen_t len = sizeof(error);

	wl_check_eq(read(fd, &byte, 1), 0);
	wl_try(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	wl_check_eq(error, 0);
	wl_check_eq(send(fd, "x", 1, MSG_NOSIGNAL), -1);
	wl_check_eq(errno, EPIPE);
	close(fd);
}

static void check(struct set *s, int type)
{
	struct ucred creds;
	socklen_t len = sizeof(creds);
	int fd;

	expect_end(wl_try(accept(s->listener, NULL, NULL)));
	fd = wl_try(accept(s->listener, NULL, NULL));
	read_much(fd);
	expect_end(fd);
	fd = wl_try(accept(s->listener, NULL, NULL));
	un_both_ways(fd, s->living);
	fd = wl_try(accept(s->listener, NULL, NULL));
	un_check_peer(fd, s->name);
	wl_try(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &creds, &len));
	wl_check_eq(creds.pid, s->other);
	wl_check_eq(creds.uid, NOBODY);
	if (type == SOCK_STREAM) {
		un_expect(fd, "lastwords");
	} else {
		un_expect(fd, "last");
		un_expect(fd, "words");
	}
	expect_end(fd);
	wl_try(fcntl(s->listener, F_SETFL, O_NONBLOCK));
	wl_check_eq(accept(s->listener, NULL, NULL), -1);
	wl_check_eq(errno, EAGAIN);
}

int main(void)
{
	for (int i = 0; i < TYPES; i++)
		set_up(&sets[i], types[i]);
	wl_ready_and_wait();
	for (int i = 0; i < TYPES; i++)
		check(&sets[i], types[i]);
	wl_pass();
}
