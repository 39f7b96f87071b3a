/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings that threads have for themselves (IORING_SETUP_SINGLE_ISSUER), one with its work deferred
 * to it; each goes on with its own.
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

struct own {
	unsigned int flags;
	struct io_uring ring;
	struct ring_places saved;
};

/* Completes only when the thread of the request works for the ring. */
static void use(struct io_uring *ring)
{
	struct io_uring_sqe *sqe;
	int ends[2];

	ring_drive(ring, 37);
	sqe = io_uring_get_sqe(ring);
	wl_try(pipe(ends));
	io_uring_prep_poll_add(sqe, ends[0], POLLIN);
	sqe->user_data = 99;
	RING_TRY(io_uring_submit(ring));
	wl_check_eq(wl_try(write(ends[1], "x", 1)), 1);
	wl_check_eq(ring_take(ring, 99), POLLIN);
	close(ends[0]);
	close(ends[1]);
}

static void set_up(void *arg)
{
	struct own *own = arg;

	ring_new(&own->ring, 8, own->flags);
	use(&own->ring);
	ring_submit(&own->ring, 4711);
	own->saved = ring_places(&own->ring);
}

static void check(void *arg)
{
	struct own *own = arg;

	ring_check(&own->ring, &own->saved);
	wl_check_eq(ring_take(&own->ring, 4711), 0);
	use(&own->ring);
	io_uring_queue_exit(&own->ring);
}

int main(void)
{
	static struct own owns[] = {
		{ .flags = IORING_SETUP_SINGLE_ISSUER },
		{ .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN },
	};

	for (int i = 0; i < 2; i++)
		wl_actor_thread(set_up, check, &owns[i]);
	wl_ready_and_wait();
	wl_actors_finish();
	wl_pass();
}
