/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings that were set up in other ways: with a queue of completions of its own size, long requests,
 * long completions, both, without an array of requests (also with long ones), for one thread, with
 * deferred work, polled by a thread of the kernel's (two of them by the same one).
 *
 *	wl: areas    aio-uring-bpf
 *	wl: flavours host user
 *	wl: libs     -luring
 *	wl: needs    io_uring kernel:6.13
 *	wl: crossing none CRIU knows no io_uring
 */
#define _GNU_SOURCE
#include "ring.h"

#include <poll.h>

#ifndef IORING_SETUP_NO_SQARRAY
#define IORING_SETUP_NO_SQARRAY (1u << 16)
#endif

enum {
	SIZED,
	LONG_REQUESTS,
	LONG_BOTH,
	LONG_COMPLETIONS,
	SINGLE,
	DEFERRED,
	NO_ARRAY,
	LONG_NO_ARRAY,
	ALL,
	POLLED,
	ATTACHED,
	MODES
};

static const unsigned int flags[MODES] = {
	[SIZED] = IORING_SETUP_CQSIZE,
	[LONG_REQUESTS] = IORING_SETUP_SQE128,
	[LONG_COMPLETIONS] = IORING_SETUP_CQE32,
	[LONG_BOTH] = IORING_SETUP_SQE128 | IORING_SETUP_CQE32,
	[SINGLE] = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN,
	[DEFERRED] = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
	[NO_ARRAY] = IORING_SETUP_NO_SQARRAY | IORING_SETUP_SUBMIT_ALL,
	[LONG_NO_ARRAY] = IORING_SETUP_NO_SQARRAY | IORING_SETUP_SQE128,
	[ALL] = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
	[POLLED] = IORING_SETUP_SQPOLL,
	[ATTACHED] = IORING_SETUP_SQPOLL | IORING_SETUP_ATTACH_WQ,
};

static struct io_uring rings[MODES];

/* Versions of liburing that know no such ring fill its array, at the place of heads and tails. */
static void have_no_array(struct io_uring *ring)
{
	static unsigned int elsewhere[4];

	*ring->sq.khead = *ring->sq.ktail = *ring->cq.khead = *ring->cq.ktail = 0;
	ring->sq.array = elsewhere;
}

static void set_up(int mode)
{
	struct io_uring_params p = { .flags = flags[mode], .sq_thread_idle = 20 };

	if (mode == SIZED)
		p.cq_entries = 64;
	if (mode == ATTACHED)
		p.wq_fd = rings[POLLED].ring_fd;
	RING_TRY(io_uring_queue_init_params(mode == LONG_BOTH ? 1 : 4, &rings[mode], &p));
	if (flags[mode] & IORING_SETUP_NO_SQARRAY)
		have_no_array(&rings[mode]);
}

/* Completes only when the thread of the request works for the ring. */
static void check_poll(struct io_uring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	int ends[2];

	wl_try(pipe(ends));
	io_uring_prep_poll_add(sqe, ends[0], POLLIN);
	sqe->user_data = 99;
	RING_TRY(io_uring_submit(ring));
	wl_check_eq(wl_try(write(ends[1], "x", 1)), 1);
	wl_check_eq(ring_take(ring, 99), POLLIN);
	close(ends[0]);
	close(ends[1]);
}

static char *thread_of(const struct io_uring *ring)
{
	return wl_field(wl_format("/proc/self/fdinfo/%d", ring->ring_fd), "SqThread");
}

static void check_threads(void)
{
	wl_check_text("shared thread", thread_of(&rings[ATTACHED]), thread_of(&rings[POLLED]));
	wl_check(strcmp(thread_of(&rings[POLLED]), "-1"));
	wl_check_text("no thread", thread_of(&rings[DEFERRED]), "-1");
}

/* Is what stands behind a wrong request submitted with it? */
static void check_wrong(int mode)
{
	struct io_uring *ring = &rings[mode];
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	bool all = flags[mode] & IORING_SETUP_SUBMIT_ALL;

	io_uring_prep_nop(sqe);
	sqe->opcode = 255;
	sqe->user_data = 1;
	sqe = io_uring_get_sqe(ring);
	io_uring_prep_nop(sqe);
	sqe->user_data = 2;
	wl_check_eq(RING_TRY(io_uring_submit(ring)), all ? 2 : 1);
	wl_check_eq(ring_take(ring, 1), -EINVAL);
	if (!all)
		wl_check_eq(RING_TRY(io_uring_submit(ring)), 1);
	wl_check_eq(ring_take(ring, 2), 0);
}

static void use(int mode)
{
	ring_drive(&rings[mode], 37);
	check_poll(&rings[mode]);
	if (mode != LONG_BOTH && mode < POLLED)
		check_wrong(mode);
}

int main(void)
{
	struct ring_places saved[MODES];

	for (int i = 0; i < MODES; i++) {
		set_up(i);
		use(i);
		ring_submit(&rings[i], 4711 + i);
	}
	for (int i = POLLED; i < MODES; i++) /* asynchronously */
		while (io_uring_cq_ready(&rings[i]) != 1)
			wl_sleep_ms(1);
	for (int i = 0; i < MODES; i++)
		saved[i] = ring_places(&rings[i]);
	check_threads();
	wl_ready_and_wait();
	check_threads();
	for (int i = 0; i < MODES; i++) {
		ring_check(&rings[i], &saved[i]);
		wl_check_eq(ring_take(&rings[i], 4711 + i), 0);
		use(i);
	}
	wl_check_eq(rings[SIZED].cq.ring_entries, 64);
	wl_pass();
}
