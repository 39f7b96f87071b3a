/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An eventfd that a ring signals: the kernel does not tell which, so it is refused by name.
 *
 *	wl: areas  aio-uring-bpf
 *	wl: libs   -luring
 *	wl: needs  io_uring
 *	wl: expect dump-refused signals an eventfd
 */
#define _GNU_SOURCE
#include "ring.h"

#include <sys/eventfd.h>

int main(void)
{
	struct io_uring ring;
	int event = wl_try(eventfd(0, EFD_NONBLOCK));
	uint64_t count;

	ring_new(&ring, 8, 0);
	RING_TRY(io_uring_register_eventfd(&ring, event));
	wl_ready_and_wait();
	ring_drive(&ring, 3);
	wl_check_eq(wl_try(read(event, &count, sizeof(count))), sizeof(count));
	wl_check_eq(count, 3);
	wl_pass();
}
