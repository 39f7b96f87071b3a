/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings that were set up in other ways: with a queue of completions of its own size, long requests,
 * long completions, both, without an array of requests, for one thread, with deferred work, polled
 * by a thread of the kernel's (two of them by the same one).
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
	[POLLED] = IORING_SETUP_SQPOLL,
	[ATTACHED] = IORING_SETUP_SQPOLL | IORING_SETUP_ATTACH_WQ,
};

static struct io_uring rings[MODES];

static void set_up(int mode)
{
	struct io_uring_params p = { .flags = flags[mode], .sq_thread_idle = 20 };

	if (mode == SIZED)
		p.cq_entries = 64;
	if (mode == ATTACHED)
		p.wq_fd = rings[POLLED].ring_fd;
	RING_TRY(io_uring_queue_init_params(mode == LONG_BOTH ? 1 : 4, &rings[mode], &p));
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

static void use(int mode)
{
	ring_drive(&rings[mode], 37);
	check_poll(&rings[mode]);
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
