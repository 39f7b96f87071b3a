/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that wait at the dump wait afterwards, and are done when what they wait for comes: one
 * of each kind that can be given again, on one ring; more of them than the ring has room for, on
 * another, whose own thread does its work. None is done by the restore.
 *
 *	wl: areas    aio-uring-bpf
 *	wl: libs     -luring
 *	wl: needs    io_uring kernel:6.14
 *	wl: crossing none CRIU knows no io_uring
 *	wl: cycles   2
 */
#define _GNU_SOURCE
#include "ring.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MANY 20

enum { POLLED = 1, POLLED_MORE, ACCEPTED, RECEIVED, READ, COUNTED, FIXED, TIMED, LINKED, LIMIT };

static int pipes[4][2], pair[2], fixed[2], listener, event;
static char received[16], from_pipe[16], from_fixed[16], linked[16];
static uint64_t count;
static struct __kernel_timespec hour = { .tv_sec = 3600 };

static struct io_uring_sqe *request(struct io_uring *ring, uint64_t data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	wl_check(sqe);
	memset(sqe, 0, sizeof(*sqe));
	sqe->user_data = data;
	return sqe;
}

static void prepare(struct io_uring_sqe *sqe, void (*how)(struct io_uring_sqe *))
{
	uint64_t data = sqe->user_data;

	how(sqe);
	sqe->user_data = data;
}

static void poll_once(struct io_uring_sqe *sqe)
{
	io_uring_prep_poll_add(sqe, pipes[0][0], POLLIN);
}

static void poll_more(struct io_uring_sqe *sqe)
{
	io_uring_prep_poll_multishot(sqe, pipes[1][0], POLLIN);
}

static void accept_one(struct io_uring_sqe *sqe)
{
	io_uring_prep_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
}

static void receive(struct io_uring_sqe *sqe)
{
	io_uring_prep_recv(sqe, pair[0], received, sizeof(received), 0);
}

static void read_pipe(struct io_uring_sqe *sqe)
{
	io_uring_prep_read(sqe, pipes[2][0], from_pipe, sizeof(from_pipe), -1);
}

static void read_event(struct io_uring_sqe *sqe)
{
	io_uring_prep_read(sqe, event, &count, sizeof(count), 0);
}

static void receive_fixed(struct io_uring_sqe *sqe)
{
	io_uring_prep_recv(sqe, 0, from_fixed, sizeof(from_fixed), 0);
	sqe->flags |= IOSQE_FIXED_FILE;
}

static void time_out(struct io_uring_sqe *sqe)
{
	io_uring_prep_timeout(sqe, &hour, 0, 0);
}

static void receive_linked(struct io_uring_sqe *sqe)
{
	io_uring_prep_read(sqe, pipes[3][0], linked, sizeof(linked), -1);
	sqe->flags |= IOSQE_IO_LINK;
}

static void limit(struct io_uring_sqe *sqe)
{
	io_uring_prep_link_timeout(sqe, &hour, 0);
}

static void (*const kinds[])(struct io_uring_sqe *) = {
	[POLLED] = poll_once,	 [POLLED_MORE] = poll_more, [ACCEPTED] = accept_one,
	[RECEIVED] = receive,	 [READ] = read_pipe,	    [COUNTED] = read_event,
	[FIXED] = receive_fixed, [TIMED] = time_out,	    [LINKED] = receive_linked,
	[LIMIT] = limit,
};

static struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "socket" };

static void set_up(struct io_uring *ring)
{
	for (size_t i = 0; i < sizeof(pipes) / sizeof(pipes[0]); i++)
		wl_try(pipe(pipes[i]));
	wl_try(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	wl_try(socketpair(AF_UNIX, SOCK_STREAM, 0, fixed));
	event = wl_try(eventfd(0, 0));
	listener = wl_try(socket(AF_UNIX, SOCK_STREAM, 0));
	wl_try(bind(listener, (void *)&name, sizeof(name)));
	wl_try(listen(listener, 4));
	RING_TRY(io_uring_register_files(ring, &fixed[0], 1));
	for (uint64_t i = POLLED; i <= LIMIT; i++)
		prepare(request(ring, i), kinds[i]);
	RING_TRY(io_uring_submit(ring));
	wl_check_eq(io_uring_cq_ready(ring), 0);
}

static void expect(struct io_uring *ring, uint64_t data, int res, unsigned int flags)
{
	struct io_uring_cqe *cqe;

	RING_TRY(io_uring_wait_cqe(ring, &cqe));
	wl_check_eq(cqe->user_data, data);
	wl_check_eq(cqe->res, res);
	wl_check_eq(cqe->flags & IORING_CQE_F_MORE, flags);
	io_uring_cqe_seen(ring, cqe);
}

static void check_one_by_one(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	int client = wl_try(socket(AF_UNIX, SOCK_STREAM, 0));

	wl_check_eq(io_uring_cq_ready(ring), 0);
	wl_check_eq(write(pipes[0][1], "a", 1), 1);
	expect(ring, POLLED, POLLIN, 0);
	for (int i = 0; i < 3; i++) {
		wl_check_eq(write(pipes[1][1], "b", 1), 1);
		expect(ring, POLLED_MORE, POLLIN, IORING_CQE_F_MORE);
	}
	wl_check_eq(write(pair[1], "hello", 5), 5);
	expect(ring, RECEIVED, 5, 0);
	wl_check(!memcmp(received, "hello", 6));
	wl_check_eq(write(pipes[2][1], "pipe", 4), 4);
	expect(ring, READ, 4, 0);
	wl_check(!memcmp(from_pipe, "pipe", 5));
	wl_try(eventfd_write(event, 7));
	expect(ring, COUNTED, 8, 0);
	wl_check_eq(count, 7);
	wl_check_eq(write(fixed[1], "fixed", 5), 5);
	expect(ring, FIXED, 5, 0);
	wl_check(!memcmp(from_fixed, "fixed", 6));
	wl_try(connect(client, (void *)&name, sizeof(name)));
	RING_TRY(io_uring_wait_cqe(ring, &cqe));
	wl_check_eq(cqe->user_data, ACCEPTED);
	wl_check(cqe->res > 0 && wl_try(fcntl(cqe->res, F_GETFD)) == FD_CLOEXEC);
	io_uring_cqe_seen(ring, cqe);
}

/* The timeouts are still there, and the latter belongs to what it was linked to. */
static void check_times(struct io_uring *ring)
{
	struct io_uring_sqe *sqe = request(ring, 100);

	io_uring_prep_timeout_remove(sqe, TIMED, 0);
	sqe->user_data = 100;
	RING_TRY(io_uring_submit(ring));
	for (int i = 0; i < 2; i++) {
		struct io_uring_cqe *cqe;

		RING_TRY(io_uring_wait_cqe(ring, &cqe));
		wl_check_eq(cqe->res, cqe->user_data == TIMED ? -ECANCELED : 0);
		wl_check(cqe->user_data == TIMED || cqe->user_data == 100);
		io_uring_cqe_seen(ring, cqe);
	}
	wl_check_eq(write(pipes[3][1], "link", 4), 4);
	for (int i = 0; i < 2; i++) {
		struct io_uring_cqe *cqe;

		RING_TRY(io_uring_wait_cqe(ring, &cqe));
		wl_check_eq(cqe->res, cqe->user_data == LINKED ? 4 : -ECANCELED);
		wl_check(cqe->user_data == LINKED || cqe->user_data == LIMIT);
		io_uring_cqe_seen(ring, cqe);
	}
	wl_check(!memcmp(linked, "link", 5));
}

static void check_many(struct io_uring *ring, int (*many)[2])
{
	wl_check_eq(io_uring_cq_ready(ring), 0);
	for (int i = 0; i < MANY; i++) {
		wl_check_eq(write(many[i][1], "x", 1), 1);
		expect(ring, i, POLLIN, 0);
	}
}

int main(void)
{
	struct io_uring ring, small;
	struct ring_places before;
	int many[MANY][2];

	ring_new(&ring, 16, 0);
	ring_drive(&ring, 5);
	set_up(&ring);
	ring_new(&small, 8, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	for (int i = 0; i < MANY; i++) {
		struct io_uring_sqe *sqe = request(&small, i);

		wl_try(pipe(many[i]));
		io_uring_prep_poll_add(sqe, many[i][0], POLLIN);
		sqe->user_data = i;
		RING_TRY(io_uring_submit(&small));
	}
	before = ring_places(&ring);
	wl_ready_and_wait();
	ring_check(&ring, &before);
	check_one_by_one(&ring);
	check_times(&ring);
	check_many(&small, many);
	ring_drive(&ring, 40);
	ring_drive(&small, 20);
	wl_pass();
}
