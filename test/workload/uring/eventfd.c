/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eventfds that rings signal: of several the right one, whose count is kept and grows with each
 * completion; one that is signalled only for what is not done at once; one of a ring for a single
 * thread; and one that is unregistered behind the restore.
 *
 *	wl: areas  aio-uring-bpf
 *	wl: libs   -luring
 *	wl: needs  io_uring kernel:6.13
 *	wl: crossing none CRIU refuses rings
 */
#define _GNU_SOURCE
#include "ring.h"

#include <sys/eventfd.h>

#define RINGS 3

enum { PLAIN, LATER, SINGLE };

static void check_count(int event, uint64_t want)
{
	uint64_t count = 0;

	if (read(event, &count, sizeof(count)) < 0)
		wl_check_eq(errno, EAGAIN);
	wl_check_eq(count, want);
}

int main(void)
{
	struct io_uring rings[RINGS];
	int others[2], events[RINGS];

	others[0] = wl_try(eventfd(0, EFD_NONBLOCK));
	for (int i = 0; i < RINGS; i++)
		events[i] = wl_try(eventfd(0, EFD_NONBLOCK));
	others[1] = wl_try(eventfd(0, EFD_NONBLOCK));
	ring_new(&rings[PLAIN], 8, 0);
	ring_new(&rings[LATER], 8, 0);
	ring_new(&rings[SINGLE], 8, IORING_SETUP_SINGLE_ISSUER);
	RING_TRY(io_uring_register_eventfd(&rings[PLAIN], events[PLAIN]));
	RING_TRY(io_uring_register_eventfd_async(&rings[LATER], events[LATER]));
	RING_TRY(io_uring_register_eventfd(&rings[SINGLE], events[SINGLE]));
	ring_drive(&rings[PLAIN], 5);
	ring_drive(&rings[LATER], 5);
	wl_ready_and_wait();
	check_count(events[PLAIN], 5);
	check_count(events[LATER], 0);
	check_count(events[SINGLE], 0);
	for (int i = 0; i < RINGS; i++)
		ring_drive(&rings[i], 3);
	check_count(events[PLAIN], 3);
	check_count(events[LATER], 0);
	check_count(events[SINGLE], 3);
	check_count(others[0], 0);
	check_count(others[1], 0);
	RING_TRY(io_uring_unregister_eventfd(&rings[PLAIN]));
	ring_drive(&rings[PLAIN], 3);
	check_count(events[PLAIN], 0);
	wl_check_eq(io_uring_unregister_eventfd(&rings[PLAIN]), -ENXIO);
	RING_TRY(io_uring_unregister_eventfd(&rings[LATER]));
	wl_pass();
}
