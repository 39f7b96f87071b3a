/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that wait in a ring that a thread of the kernel's polls: for a connection, for data and
 *for room, a message, a piece that fills a registered buffer, one with another linked to it and one
 *with a limit, and a timeout. Each is done when what it waits for comes, and none is cancelled.
 *Beside it are others that wait for a time: their threads all look for requests at once, as they do
 *when they have just been made, so that each comes for its own late.
 *
 *	wl: areas    aio-uring-bpf
 *	wl: libs     -luring
 *	wl: needs    io_uring kernel:6.14
 *	wl: crossing none CRIU knows no io_uring
 *	wl: cycles   3
 */
#define _GNU_SOURCE
#include "ring.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum {
	READ = 100,
	RECV,
	RECVMSG,
	ACCEPT,
	WRITE,
	FIXED,
	FIRST,
	SECOND,
	LIMITED,
	LIMIT,
	TIME,
	SIZE = 16,
	OTHERS = 6
};

static struct __kernel_timespec hour = { .tv_sec = 3600 };
static struct io_uring ring, others[OTHERS];
static int data[5][2], full[2], stream[2], packets[2], listener;
static char text[9][SIZE], registered[SIZE], block[4096];
static struct iovec pieces = { text[RECVMSG - READ], SIZE };
static struct msghdr message = { .msg_iov = &pieces, .msg_iovlen = 1 };

#define GIVE(prepare, number, ...) GIVE_TO(&ring, prepare, number, __VA_ARGS__)
#define GIVE_TO(ring, prepare, number, ...)                                                        \
	({                                                                                         \
		struct io_uring_sqe *sqe_ = io_uring_get_sqe(ring);                                \
		wl_check(sqe_);                                                                    \
		prepare(sqe_, __VA_ARGS__);                                                        \
		sqe_->user_data = (number);                                                        \
		sqe_;                                                                              \
	})

static void open_all(void)
{
	struct sockaddr_in loopback = { .sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	for (int i = 0; i < 5; i++)
		wl_try(pipe(data[i]));
	wl_try(socketpair(AF_UNIX, SOCK_STREAM, 0, stream));
	wl_try(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, packets));
	wl_try(pipe2(full, O_NONBLOCK));
	while (write(full[1], block, sizeof(block)) > 0)
		;
	wl_try(fcntl(full[1], F_SETFL, 0));
	listener = wl_try(socket(AF_INET, SOCK_STREAM, 0));
	wl_try(bind(listener, (struct sockaddr *)&loopback, sizeof(loopback)));
	wl_try(listen(listener, 4));
}

static void give_all(void)
{
	GIVE(io_uring_prep_read, READ, data[0][0], text[0], SIZE, -1);
	GIVE(io_uring_prep_recv, RECV, stream[0], text[RECV - READ], SIZE, 0);
	GIVE(io_uring_prep_recvmsg, RECVMSG, packets[0], &message, 0);
	GIVE(io_uring_prep_accept, ACCEPT, listener, NULL, NULL, SOCK_CLOEXEC);
	GIVE(io_uring_prep_write, WRITE, full[1], "more", 4, -1);
	GIVE(io_uring_prep_read_fixed, FIXED, data[1][0], registered, SIZE, -1, 0);
	GIVE(io_uring_prep_read, FIRST, data[2][0], text[FIRST - READ], 4, -1)->flags |=
		IOSQE_IO_LINK;
	GIVE(io_uring_prep_read, SECOND, data[3][0], text[SECOND - READ], SIZE, -1);
	GIVE(io_uring_prep_read, LIMITED, data[4][0], text[LIMITED - READ], SIZE, -1)->flags |=
		IOSQE_IO_LINK;
	GIVE(io_uring_prep_link_timeout, LIMIT, &hour, 0);
	GIVE(io_uring_prep_timeout, TIME, &hour, 0, 0);
	ring_give(&ring);
	for (int i = 0; i < OTHERS; i++) {
		GIVE_TO(&others[i], io_uring_prep_timeout, TIME, &hour, 0, 0);
		ring_give(&others[i]);
	}
}

static void expect(int number, int from, const char *what, const char *buf)
{
	ring_check_quiet(&ring);
	wl_check_eq(write(from, what, 4), 4);
	wl_check_eq(ring_take(&ring, number), 4);
	wl_check(!memcmp(buf, what, 4));
}

static void expect_connection(void)
{
	struct sockaddr_in to;
	socklen_t len = sizeof(to);
	int client = wl_try(socket(AF_INET, SOCK_STREAM, 0)), server;

	ring_check_quiet(&ring);
	wl_try(getsockname(listener, (struct sockaddr *)&to, &len));
	wl_try(connect(client, (struct sockaddr *)&to, len));
	server = ring_take(&ring, ACCEPT);
	wl_check(server >= 0 && fcntl(server, F_GETFD) == FD_CLOEXEC);
	close(client);
	close(server);
}

static void expect_written(void)
{
	size_t n = 0;

	ring_check_quiet(&ring);
	wl_check_eq(read(full[0], block, sizeof(block)), sizeof(block));
	wl_check_eq(ring_take(&ring, WRITE), 4);
	for (ssize_t part; (part = read(full[0], block, sizeof(block))) > 0;)
		n += part;
	wl_check_eq(n % sizeof(block), 4);
}

/* That of the one that was limited, and the limit's. */
static void expect_limited(void)
{
	struct io_uring_cqe *cqe;

	ring_check_quiet(&ring);
	wl_check_eq(write(data[4][1], "limi", 4), 4);
	for (int i = 0; i < 2; i++) {
		RING_TRY(io_uring_wait_cqe(&ring, &cqe));
		wl_check(cqe->user_data == LIMITED || cqe->user_data == LIMIT);
		wl_check_eq(cqe->res, cqe->user_data == LIMITED ? 4 : -ECANCELED);
		io_uring_cqe_seen(&ring, cqe);
	}
	wl_check(!memcmp(text[LIMITED - READ], "limi", 4));
}

static void expect_time(struct io_uring *r)
{
	struct io_uring_cqe *cqe;

	ring_check_quiet(r);
	GIVE_TO(r, io_uring_prep_timeout_remove, 1, TIME, 0);
	ring_give(r);
	for (int i = 0; i < 2; i++) {
		RING_TRY(io_uring_wait_cqe(r, &cqe));
		wl_check(cqe->user_data == TIME || cqe->user_data == 1);
		wl_check_eq(cqe->res, cqe->user_data == TIME ? -ECANCELED : 0);
		io_uring_cqe_seen(r, cqe);
	}
}

int main(void)
{
	struct io_uring_params p = { .flags = IORING_SETUP_SQPOLL, .sq_thread_idle = 20 };
	struct iovec buffer = { registered, SIZE };

	open_all();
	RING_TRY(io_uring_queue_init_params(16, &ring, &p));
	RING_TRY(io_uring_register_buffers(&ring, &buffer, 1));
	for (int i = 0; i < OTHERS; i++) {
		struct io_uring_params other = { .flags = IORING_SETUP_SQPOLL,
						 .sq_thread_idle = 20 };

		RING_TRY(io_uring_queue_init_params(2, &others[i], &other));
	}
	ring_drive(&ring, 3);
	give_all();
	wl_ready_and_wait();
	expect(READ, data[0][1], "read", text[0]);
	expect(RECV, stream[1], "recv", text[RECV - READ]);
	expect(RECVMSG, packets[1], "mesg", text[RECVMSG - READ]);
	expect_connection();
	expect_written();
	expect(FIXED, data[1][1], "fixd", registered);
	expect(FIRST, data[2][1], "frst", text[FIRST - READ]);
	expect(SECOND, data[3][1], "scnd", text[SECOND - READ]);
	expect_limited();
	expect_time(&ring);
	for (int i = 0; i < OTHERS; i++)
		expect_time(&others[i]);
	ring_drive(&ring, 20);
	wl_pass();
}
