/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that can't be given again, and end by themselves while the tree is frozen, are waited
 * for: a timeout with another request behind it on each of two rings, one of which is for one
 * thread that defers its work. The completions are there afterwards.
 *
 *	wl: areas    aio-uring-bpf
 *	wl: libs     -luring
 *	wl: needs    io_uring kernel:6.13
 *	wl: crossing none CRIU knows no io_uring
 */
#define _GNU_SOURCE
#include "ring.h"

static void start(struct io_uring *ring, struct __kernel_timespec *time)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_timeout(sqe, time, 0, 0);
	sqe->user_data = 7;
	sqe->flags |= IOSQE_IO_HARDLINK;
	sqe = io_uring_get_sqe(ring);
	io_uring_prep_nop(sqe);
	sqe->user_data = 8;
	RING_TRY(io_uring_submit(ring));
}

int main(void)
{
	static struct __kernel_timespec time = { 0, 300000000 };
	struct io_uring plain, deferred;

	ring_new(&plain, 8, 0);
	ring_new(&deferred, 8, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
	ring_drive(&plain, 3);
	ring_drive(&deferred, 3);
	wl_ready(); /* the dump comes within that time, or the timeouts are over before it */
	start(&plain, &time);
	start(&deferred, &time);
	wl_wait();
	wl_check_eq(io_uring_cq_ready(&plain), 2);
	wl_check_eq(ring_take(&plain, 7), -ETIME);
	wl_check_eq(ring_take(&plain, 8), 0);
	wl_check_eq(ring_take(&deferred, 7), -ETIME);
	wl_check_eq(ring_take(&deferred, 8), 0);
	ring_drive(&plain, 20);
	ring_drive(&deferred, 20);
	wl_pass();
}
