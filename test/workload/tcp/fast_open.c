/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients of TCP fast open (TCP_FASTOPEN_CONNECT, tcp(7)): one before connect(2), which has the
 * option alone; one behind it, which knows where to go, and has sent nothing yet, so that the first
 * that it writes begins the connection; and one that has written, and waits for the answer of a
 * listener whose backlog is full: what went with its first packet comes when there is room.
 *
 * wl: areas tcp
 * wl: cycles 2
 * wl: both --tcp-established --network-lock nftables
 * wl: crossing none CRIU drops the options
 */
#include "outside.h"

#define NO_COOKIE 34 /* TCP_FASTOPEN_NO_COOKIE */

static int client(void)
{
	int fd = wl_try(socket(AF_INET, SOCK_STREAM, 0));

	in_set(fd, SOL_TCP, NO_COOKIE, 1);
	in_set(fd, SOL_TCP, TCP_FASTOPEN_CONNECT, 1);
	return fd;
}

static void check_options(int fd)
{
	wl_check_eq(in_get(fd, SOL_TCP, NO_COOKIE), 1);
	wl_check_eq(in_get(fd, SOL_TCP, TCP_FASTOPEN_CONNECT), 1);
}

/* The first that is written goes with the SYN, and comes. */
static void talk(int fd, int listener)
{
	int server;

	wl_check_eq(wl_try(write(fd, "first", 5)), 5);
	server = wl_try(accept(listener, NULL, NULL));
	in_send(fd, 3000, 4);
	wl_check_eq(recv(server, &(char[5]){ 0 }, 5, MSG_WAITALL), 5);
	in_receive(server, 3000, 4);
	in_send(server, 3000, 5);
	in_receive(fd, 3000, 5);
	wl_try(close(server));
}

/* 70 of 100 bytes. */
static int start_sent(const struct in_addr_any *to)
{
	int fd = client();
	char data[100];

	wl_fill(data, sizeof(data), 3);
	wl_try(fcntl(fd, F_SETFL, O_NONBLOCK));
	wl_check_eq(wl_try(sendto(fd, data, 70, MSG_FASTOPEN, &to->sa, to->len)), 70);
	return fd;
}

static void check_sent(int fd)
{
	char data[100];

	check_options(fd);
	wl_check_eq(tcp_state(fd), TCP_SYN_SENT);
	wl_check(fcntl(fd, F_GETFL) & O_NONBLOCK);
	wl_try(fcntl(fd, F_SETFL, 0));
	wl_write_file("go", "");
	wl_fill(data, sizeof(data), 3);
	wl_check_eq(wl_try(send(fd, data + 70, 30, 0)), 30);
	in_receive(fd, 100, 3);
}

int main(void)
{
	struct in_addr_any outside = in_loopback(AF_INET, outside_start()), to;
	int listener = in_listening(AF_INET, 5), idle = client(), deferred = client(), sent;

	to = in_name(listener);
	wl_try(connect(deferred, &to.sa, to.len)); /* no packet yet */
	wl_check_eq(tcp_state(deferred), TCP_SYN_SENT);
	sent = start_sent(&outside);
	wl_ready_and_wait();
	check_options(idle);
	wl_try(connect(idle, &to.sa, to.len));
	talk(idle, listener);
	check_options(deferred);
	wl_check_eq(tcp_state(deferred), TCP_SYN_SENT);
	talk(deferred, listener);
	check_sent(sent);
	wl_pass();
}
