/* SPDX-License-Identifier: Apache-2.0 */
/* Rings of io_uring for workloads, by liburing. */
#ifndef WL_RING_H
#define WL_RING_H

#include "workload.h"

#include <liburing.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RING_TRY(call)                                                                             \
	({                                                                                         \
		int ring_ret = (call);                                                             \
		if (ring_ret < 0)                                                                  \
			wl_fail("%s: %s", #call, strerror(-ring_ret));                             \
		ring_ret;                                                                          \
	})

static inline void ring_new(struct io_uring *ring, unsigned int entries, unsigned int flags)
{
	RING_TRY(io_uring_queue_init(entries, ring, flags));
}

/* What was prepared, taken by the kernel: a ring's thread (SQPOLL) comes for it in its own time,
 * and reads what an entry leads to only then. */
static inline void ring_give(struct io_uring *ring)
{
	RING_TRY(io_uring_submit(ring));
	while (__atomic_load_n(ring->sq.khead, __ATOMIC_ACQUIRE) != *ring->sq.ktail)
		wl_sleep_ms(1);
}

/* One request that does nothing. */
static inline void ring_submit(struct io_uring *ring, uint64_t data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	wl_check(sqe);
	io_uring_prep_nop(sqe);
	sqe->user_data = data;
	wl_check(RING_TRY(io_uring_submit(ring)) >= 1); /* a polled one counts what it had */
}

/* Nothing is done yet. */
static inline void ring_check_quiet(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;

	if (io_uring_peek_cqe(ring, &cqe) == 0)
		wl_fail("%u completions, the first of request %llu with %d",
			io_uring_cq_ready(ring), (unsigned long long)cqe->user_data, cqe->res);
}

static inline int ring_take(struct io_uring *ring, uint64_t data)
{
	struct io_uring_cqe *cqe;
	int res;

	RING_TRY(io_uring_wait_cqe(ring, &cqe));
	if (cqe->user_data != data)
		wl_fail("a completion of request %llu with %d, not of %llu",
			(unsigned long long)cqe->user_data, cqe->res, (unsigned long long)data);
	res = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return res;
}

/* So many requests, each taken at once. */
static inline void ring_drive(struct io_uring *ring, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		ring_submit(ring, i);
		wl_check_eq(ring_take(ring, i), 0);
	}
}

/* Heads and tails. */
struct ring_places {
	unsigned int sq_head, sq_tail, cq_head, cq_tail;
};

static inline struct ring_places ring_places(const struct io_uring *ring)
{
	return (struct ring_places){ *ring->sq.khead, *ring->sq.ktail, *ring->cq.khead,
				     *ring->cq.ktail };
}

static inline void ring_check(const struct io_uring *ring, const struct ring_places *want)
{
	wl_check_eq(*ring->sq.khead, want->sq_head);
	wl_check_eq(*ring->sq.ktail, want->sq_tail);
	wl_check_eq(*ring->cq.khead, want->cq_head);
	wl_check_eq(*ring->cq.ktail, want->cq_tail);
}

#endif
