/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that wait: for a connection, as the backlog of the listener outside of the tree is full,
 * and for room for a message with a descriptor along. What they led to has been used for something
 *else since, but for what goes along, which the kernel reads only when it sends. Each is done when
 *there is room.
 *
 *	wl: areas    aio-uring-bpf
 *	wl: libs     -luring
 *	wl: needs    io_uring kernel:6.14
 *	wl: both     --tcp-established --network-lock nftables
 *	wl: crossing none CRIU knows no io_uring
 *	wl: cycles   2
 */
#define _GNU_SOURCE
#include "../tcp/outside.h"
#include "ring.h"

enum { CONNECT = 1, ALONG };

static struct io_uring ring;
static int client, along[2], passed[2];
static union {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
} control;

static void give(struct io_uring_sqe *sqe, uint64_t data)
{
	sqe->user_data = data;
	ring_give(&ring);
	ring_check_quiet(&ring);
}

static void give_message(int fd, struct msghdr m, const char *text, uint64_t data)
{
	struct iovec piece = { (void *)(uintptr_t)text, strlen(text) };
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	m.msg_iov = &piece;
	m.msg_iovlen = 1;
	io_uring_prep_sendmsg(sqe, fd, &m, 0);
	give(sqe, data);
	memset(&m, 0xee, sizeof(m));
	memset(&piece, 0xee, sizeof(piece));
}

static void give_connect(struct in_addr_any to)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	client = wl_try(socket(AF_INET, SOCK_STREAM, 0));
	io_uring_prep_connect(sqe, client, &to.sa, to.len);
	give(sqe, CONNECT);
	memset(&to, 0xee, sizeof(to));
}

static void give_along(void)
{
	char page[4096] = "";

	wl_try(socketpair(AF_UNIX, SOCK_STREAM, 0, along));
	wl_try(pipe(passed));
	while (send(along[0], page, sizeof(page), MSG_DONTWAIT) > 0)
		;
	control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
					 .cmsg_level = SOL_SOCKET,
					 .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.head), &passed[1], sizeof(int));
	give_message(along[0],
		     (struct msghdr){ .msg_control = &control, .msg_controllen = sizeof(control) },
		     "along", ALONG);
}

/* Of the stream's, the part with the descriptor is the last. */
static int receive_along(void)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} got;
	char page[4096];
	struct iovec piece = { page, sizeof(page) };
	struct msghdr m;
	int fd = -1;
	ssize_t n;

	do {
		m = (struct msghdr){ .msg_iov = &piece,
				     .msg_iovlen = 1,
				     .msg_control = &got,
				     .msg_controllen = sizeof(got) };
		n = wl_try(recvmsg(along[1], &m, 0));
	} while (!m.msg_controllen);
	memcpy(&fd, CMSG_DATA(&got.head), sizeof(fd));
	wl_check(n >= 5 && !memcmp(page + n - 5, "along", 5));
	return fd;
}

static void check_along(void)
{
	char got = 0;
	int fd = receive_along();

	wl_check_eq(ring_take(&ring, ALONG), 5);
	wl_check_eq(wl_try(write(fd, "y", 1)), 1);
	wl_check_eq(wl_try(read(passed[0], &got, 1)), 1);
	wl_check_eq(got, 'y');
}

int main(void)
{
	struct in_addr_any a = in_loopback(AF_INET, outside_start());

	ring_new(&ring, 8, 0);
	give_connect(a);
	give_along();
	wl_ready_and_wait();
	check_along();
	ring_check_quiet(&ring);
	wl_check_eq(tcp_state(client), TCP_SYN_SENT);
	wl_write_file("go", "");
	wl_check_eq(ring_take(&ring, CONNECT), 0);
	in_check_same(in_peer(client), a);
	in_send(client, 100, 3);
	in_receive(client, 100, 3);
	wl_pass();
}
