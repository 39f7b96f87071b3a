/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring that parent and child share, with its areas, and one that the child has for itself. What
 * one submits the other takes; the child's own descriptor and the parent's are one.
 *
 *	wl: areas    aio-uring-bpf
 *	wl: flavours host user
 *	wl: libs     -luring
 *	wl: needs    io_uring kernel:5.16
 *	wl: crossing none CRIU knows no io_uring
 */
#define _GNU_SOURCE
#include "ring.h"

int main(void)
{
	struct io_uring ring, own;
	pid_t child;

	ring_new(&ring, 8, 0);
	ring_drive(&ring, 21);
	child = wl_fork_awaited();
	if (!child) {
		ring_new(&own, 2, 0);
		ring_drive(&own, 5);
		ring_drive(&ring, 11);
		wl_child_wait();
		ring_drive(&own, 5);
		wl_check_eq(ring_take(&ring, 4711), 0);
		_exit(0);
	}
	wl_ready_and_wait();
	wl_check(wl_same_description(getpid(), ring.ring_fd, child, ring.ring_fd));
	wl_check_eq(*ring.sq.khead, 32);
	ring.sq.sqe_head = ring.sq.sqe_tail = *ring.sq.ktail; /* the child has gone on since */
	ring_submit(&ring, 4711);
	wl_finish(child);
	wl_check_eq(*ring.cq.khead, 33);
	ring_drive(&ring, 20);
	wl_pass();
}
