/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests with others linked to them, of which the first one waits: what is read is written, and
 * the pipe closed; what a client sends is sent back, with a time limit on the wait for it; a poll,
 * and a read with a time limit of its own behind that; a timeout, with a write behind it by a link
 * that its end does not break. One follows the other, as before, in a plain ring and in one that
 * is for one thread only.
 *
 *	wl: areas    aio-uring-bpf
 *	wl: libs     -luring
 *	wl: needs    io_uring kernel:6.14
 *	wl: crossing none CRIU knows no io_uring
 *	wl: cycles   2
 */
#define _GNU_SOURCE
#include "ring.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

enum { READ = 1, WRITE, CLOSE, RECV, LIMIT, SEND, POLL, READ_NEXT, LIMIT_NEXT, TIME, WRITE_LATE };

static struct __kernel_timespec hour = { .tv_sec = 3600 }, soon = { .tv_nsec = 300000000 };

struct set {
	struct io_uring ring;
	int from[2], to[2], pair[2], polled[2], late[2];
	char copied[8], echoed[8], next[8];
};

static struct io_uring_sqe *request(struct set *s)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&s->ring);

	wl_check(sqe);
	return sqe;
}

static void link_to_next(struct io_uring_sqe *sqe, uint64_t data, unsigned int flags)
{
	sqe->user_data = data;
	sqe->flags |= flags;
}

static void copy(struct set *s)
{
	struct io_uring_sqe *sqe = request(s);

	wl_try(pipe(s->from));
	wl_try(pipe(s->to));
	io_uring_prep_read(sqe, s->from[0], s->copied, 4, -1);
	link_to_next(sqe, READ, IOSQE_IO_LINK);
	sqe = request(s);
	io_uring_prep_write(sqe, s->to[1], s->copied, 4, -1);
	link_to_next(sqe, WRITE, IOSQE_IO_LINK);
	sqe = request(s);
	io_uring_prep_close(sqe, s->to[1]);
	sqe->user_data = CLOSE;
}

static void echo(struct set *s)
{
	struct io_uring_sqe *sqe = request(s);

	wl_try(socketpair(AF_UNIX, SOCK_STREAM, 0, s->pair));
	io_uring_prep_recv(sqe, s->pair[0], s->echoed, 4, 0);
	link_to_next(sqe, RECV, IOSQE_IO_LINK);
	sqe = request(s);
	io_uring_prep_link_timeout(sqe, &hour, 0);
	link_to_next(sqe, LIMIT, IOSQE_IO_LINK);
	sqe = request(s);
	io_uring_prep_send(sqe, s->pair[0], s->echoed, 4, 0);
	sqe->user_data = SEND;
}

static void poll_and_read(struct set *s)
{
	struct io_uring_sqe *sqe = request(s);

	wl_try(pipe(s->polled));
	io_uring_prep_poll_add(sqe, s->polled[0], POLLIN);
	link_to_next(sqe, POLL, IOSQE_IO_LINK);
	sqe = request(s);
	io_uring_prep_read(sqe, s->polled[0], s->next, 4, -1);
	link_to_next(sqe, READ_NEXT, IOSQE_IO_LINK);
	sqe = request(s);
	io_uring_prep_link_timeout(sqe, &soon, 0); /* it begins with the read */
	sqe->user_data = LIMIT_NEXT;
}

static void write_late(struct set *s)
{
	struct io_uring_sqe *sqe = request(s);

	wl_try(pipe(s->late));
	io_uring_prep_timeout(sqe, &hour, 0, 0);
	link_to_next(sqe, TIME, IOSQE_IO_HARDLINK);
	sqe = request(s);
	io_uring_prep_write(sqe, s->late[1], "late", 4, -1);
	sqe->user_data = WRITE_LATE;
}

static void set_up(struct set *s)
{
	copy(s);
	echo(s);
	poll_and_read(s);
	write_late(s);
	RING_TRY(io_uring_submit(&s->ring));
}

/* Completions with these, in this order. */
static void expect(struct set *s, const int (*want)[2], int n)
{
	for (int i = 0; i < n; i++)
		wl_check_eq(ring_take(&s->ring, want[i][0]), want[i][1]);
	ring_check_quiet(&s->ring);
}

static void check_copied(struct set *s)
{
	char text[8] = "";

	wl_check_eq(write(s->from[1], "copy", 4), 4);
	expect(s, (const int[][2]){ { READ, 4 }, { WRITE, 4 }, { CLOSE, 0 } }, 3);
	wl_check_eq(read(s->to[0], text, sizeof(text)), 4);
	wl_check(!strcmp(text, "copy"));
	wl_check_eq(read(s->to[0], text, sizeof(text)), 0);
}

/* The limit is cancelled as its request ends, before or after it is told. */
static void check_echoed(struct set *s)
{
	char text[8] = "";
	int seen = 0;

	wl_check_eq(send(s->pair[1], "echo", 4, 0), 4);
	wl_check_eq(recv(s->pair[1], text, 4, MSG_WAITALL), 4);
	wl_check(!strcmp(text, "echo"));
	for (int i = 0; i < 3; i++) {
		struct io_uring_cqe *cqe;

		RING_TRY(io_uring_wait_cqe(&s->ring, &cqe));
		wl_check_eq(cqe->res, cqe->user_data == LIMIT ? -ECANCELED : 4);
		seen |= 1 << cqe->user_data;
		io_uring_cqe_seen(&s->ring, cqe);
	}
	wl_check_eq(seen, 1 << RECV | 1 << LIMIT | 1 << SEND);
}

static void check_polled(struct set *s)
{
	wl_check_eq(write(s->polled[1], "next", 4), 4);
	wl_check_eq(ring_take(&s->ring, POLL), POLLIN);
	for (int i = 0; i < 2; i++) {
		struct io_uring_cqe *cqe;

		RING_TRY(io_uring_wait_cqe(&s->ring, &cqe));
		wl_check_eq(cqe->res, cqe->user_data == READ_NEXT ? 4 : -ECANCELED);
		io_uring_cqe_seen(&s->ring, cqe);
	}
	wl_check(!memcmp(s->next, "next", 4));
}

static void check_late(struct set *s)
{
	struct io_uring_sqe *sqe = request(s);
	struct io_uring_cqe *cqe;
	char text[8] = "";

	io_uring_prep_timeout_remove(sqe, TIME, 0);
	sqe->user_data = 100;
	RING_TRY(io_uring_submit(&s->ring));
	for (int i = 0; i < 3; i++) {
		RING_TRY(io_uring_wait_cqe(&s->ring, &cqe));
		wl_check_eq(cqe->res, cqe->user_data == 100	     ? 0
				      : cqe->user_data == WRITE_LATE ? 4
								     : -ECANCELED);
		io_uring_cqe_seen(&s->ring, cqe);
	}
	wl_check_eq(read(s->late[0], text, sizeof(text)), 4);
	wl_check(!strcmp(text, "late"));
}

int main(void)
{
	static struct set plain, own;
	struct set *const sets[] = { &plain, &own };

	ring_new(&plain.ring, 16, 0);
	ring_new(&own.ring, 16, IORING_SETUP_SINGLE_ISSUER);
	for (int i = 0; i < 2; i++) {
		ring_drive(&sets[i]->ring, 5);
		set_up(sets[i]);
	}
	wl_ready_and_wait();
	for (int i = 0; i < 2; i++) {
		ring_check_quiet(&sets[i]->ring);
		check_copied(sets[i]);
		check_echoed(sets[i]);
		check_polled(sets[i]);
		check_late(sets[i]);
		ring_drive(&sets[i]->ring, 40);
	}
	wl_pass();
}
