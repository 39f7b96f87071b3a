/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients that are not accepted yet, and have written already: of listeners by a relative name and
 * by an abstract one, streams and seqpackets; several messages with their bounds, some of them
 * long, one that is empty, one sent by another process with its credentials, and one end shut down
 * behind its data. The server gets all of it when it accepts, in order.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 * wl: crossing none CRIU refuses it
 */
#define _GNU_SOURCE
#include "unix.h"

static const size_t sizes[] = { 3000, 1, 100000, 65536, 4096 };
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))
#define BIG   100000

struct set {
	int listener, client, second, child;
};

static void expect_end(int fd)
{
	wl_check_eq(recv(fd, &(char){ 0 }, 1, MSG_DONTWAIT), 0);
}

static void set_up(struct set *s, int type, struct un_addr addr)
{
	static char data[BIG];

	s->listener = un_listening(type, addr, 5);
	s->client = un_connected(type, addr);
	wl_check_eq(write(s->client, "early", 5), 5);
	wl_try(setsockopt(s->client, SOL_SOCKET, SO_SNDBUFFORCE, &(int){ 4 * BIG }, sizeof(int)));
	for (size_t i = 0; i < SIZES; i++) {
		wl_fill(data, sizes[i], i);
		wl_check_eq(write(s->client, data, sizes[i]), sizes[i]);
	}
	if (type == SOCK_SEQPACKET)
		wl_check_eq(send(s->client, "", 0, 0), 0);
	/* One that says no more. */
	s->second = un_connected(type, addr);
	wl_check_eq(write(s->second, "last", 4), 4);
	wl_try(shutdown(s->second, SHUT_WR));
}

static void check(struct set *s, int type)
{
	static char got[BIG];
	int server = wl_try(accept(s->listener, NULL, NULL));
	int second = wl_try(accept(s->listener, NULL, NULL));

	wl_check_eq(recv(server, got, 5, MSG_DONTWAIT), 5);
	wl_check(!memcmp(got, "early", 5));
	for (size_t i = 0; i < SIZES; i++) {
		size_t room = type == SOCK_STREAM ? sizes[i] : BIG;

		wl_check_eq(recv(server, got, room, MSG_DONTWAIT | MSG_WAITALL), sizes[i]);
		wl_check(wl_matches(got, sizes[i], i));
	}
	if (type == SOCK_SEQPACKET)
		wl_check_eq(recv(server, got, BIG, MSG_DONTWAIT), 0);
	wl_check_eq(recv(server, got, BIG, MSG_DONTWAIT), -1);
	wl_check_eq(errno, EAGAIN);
	un_expect(second, "last");
	expect_end(second);
	/* And both go on. */
	wl_check_eq(write(s->client, "more", 4), 4);
	un_expect(server, "more");
	wl_check_eq(write(server, "back", 4), 4);
	un_expect(s->client, "back");
	wl_check_eq(write(second, "bye", 3), 3);
	un_expect(s->second, "bye");
}

static int named_sender(struct un_addr addr)
{
	int listener = un_listening(SOCK_STREAM, addr, 1), client;
	pid_t pid;

	wl_try(setsockopt(listener, SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int)));
	client = un_connected(SOCK_STREAM, addr);
	wl_try(setsockopt(client, SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int)));
	pid = wl_fork();
	if (!pid) {
		wl_try(setgid(1234));
		wl_try(setuid(1235));
		wl_check_eq(write(client, "theirs", 6), 6);
		_exit(0);
	}
	wl_reap(pid);
	return listener;
}

static void expect_sender(int fd, const char *text, uid_t uid, gid_t gid)
{
	char control[CMSG_SPACE(sizeof(struct ucred))], got[64];
	struct iovec iov = { got, sizeof(got) };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct ucred creds;
	struct cmsghdr *c;

	wl_try(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, sizeof(int)));
	wl_check_eq(recvmsg(fd, &m, MSG_DONTWAIT), strlen(text));
	wl_check(!memcmp(got, text, strlen(text)));
	c = CMSG_FIRSTHDR(&m);
	wl_check(c && c->cmsg_type == SCM_CREDENTIALS);
	memcpy(&creds, CMSG_DATA(c), sizeof(creds));
	wl_check_eq(creds.uid, uid);
	wl_check_eq(creds.gid, gid);
}

int main(void)
{
	struct set stream, packets;
	char *name = wl_format("crtools waiting %d", getpid());
	int listener;

	set_up(&stream, SOCK_STREAM, un_path("sock"));
	set_up(&packets, SOCK_SEQPACKET, un_abstract(name, strlen(name)));
	listener = named_sender(un_path("named"));
	wl_ready_and_wait();
	check(&stream, SOCK_STREAM);
	check(&packets, SOCK_SEQPACKET);
	expect_sender(wl_try(accept(listener, NULL, NULL)), "theirs", 1235, 1234);
	wl_pass();
}
