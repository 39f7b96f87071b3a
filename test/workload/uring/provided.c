/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buffers that were given to a ring by requests (IORING_OP_PROVIDE_BUFFERS): of two groups, one
 *with a high number; some are taken, and some given back in another order. A request that waits,
 *and those after it, get the same ones in the same order as they would have before, until there are
 *none.
 *
 *	wl: areas    aio-uring-bpf
 *	wl: flavours host user
 *	wl: libs     -luring
 *	wl: needs    io_uring kernel:6.14
 *	wl: crossing none CRIU knows no io_uring
 *	wl: cycles   2
 */
#define _GNU_SOURCE
#include "ring.h"

#include <sys/socket.h>

enum { BUFFERS = 6, SIZE = 8, LOW = 3, HIGH = 5000, WAITING = 77, FIRST = 10 };

static struct io_uring ring;
static char low[BUFFERS][SIZE], high[2][SIZE];
static int pair[2];

static void provide(void *at, int n, int group, int number)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	io_uring_prep_provide_buffers(sqe, at, SIZE, n, group, number);
	sqe->user_data = 1;
	RING_TRY(io_uring_submit(&ring));
	wl_check_eq(ring_take(&ring, 1), 0);
}

static void ask(int group, uint64_t data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	io_uring_prep_recv(sqe, pair[0], NULL, SIZE, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = group;
	sqe->user_data = data;
	RING_TRY(io_uring_submit(&ring));
}

/* What is sent comes into that buffer. */
static void expect(uint64_t data, const char *text, int number, const char *buffer)
{
	struct io_uring_cqe *cqe;

	wl_check_eq(send(pair[1], text, SIZE, 0), SIZE);
	RING_TRY(io_uring_wait_cqe(&ring, &cqe));
	wl_check_eq(cqe->user_data, data);
	wl_check_eq(cqe->res, SIZE);
	wl_check(cqe->flags & IORING_CQE_F_BUFFER);
	wl_check_eq(cqe->flags >> IORING_CQE_BUFFER_SHIFT, number);
	wl_check(!memcmp(buffer, text, SIZE));
	io_uring_cqe_seen(&ring, cqe);
}

static void receive(int group, const char *text, int number, const char *buffer)
{
	ask(group, 2);
	expect(2, text, number, buffer);
}

int main(void)
{
	wl_try(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	ring_new(&ring, 8, 0);
	provide(low, BUFFERS, LOW, FIRST);
	provide(high, 2, HIGH, 0);
	receive(LOW, "number 0", FIRST, low[0]);
	receive(LOW, "number 1", FIRST + 1, low[1]);
	receive(LOW, "number 2", FIRST + 2, low[2]);
	provide(low[1], 1, LOW, FIRST + 1);
	provide(low[0], 1, LOW, FIRST);
	ask(LOW, WAITING);
	wl_ready_and_wait();
	ring_check_quiet(&ring);
	expect(WAITING, "waiting.", FIRST + 3, low[3]);
	receive(LOW, "number 4", FIRST + 4, low[4]);
	receive(LOW, "number 5", FIRST + 5, low[5]);
	receive(LOW, "again 1.", FIRST + 1, low[1]);
	receive(LOW, "again 0.", FIRST, low[0]);
	receive(HIGH, "high 0..", 0, high[0]);
	receive(HIGH, "high 1..", 1, high[1]);
	for (int i = 0; i < 2; i++) {
		ask(i ? HIGH : LOW, 3);
		wl_check_eq(send(pair[1], "x", 1, 0), 1);
		wl_check_eq(ring_take(&ring, 3), -ENOBUFS);
	}
	wl_pass();
}
