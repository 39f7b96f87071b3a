/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring right below a hole of one page, which is too small for it: its areas are at their old
 * addresses afterwards all the same.
 *
 *	wl: areas    aio-uring-bpf
 *	wl: libs     -luring
 *	wl: needs    io_uring kernel:5.16
 *	wl: crossing none CRIU knows no io_uring
 */
#define _GNU_SOURCE
#include "ring.h"

#define PAGE  4096
#define TRIES 16

int main(void)
{
	struct io_uring ring;
	char *above = NULL;

	for (int i = 0; i < TRIES; i++) {
		above = mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		wl_check(above != MAP_FAILED);
		ring_new(&ring, 256, 0);
		if ((char *)ring.sq.ring_ptr < above && (char *)ring.sq.ring_ptr + 5 * PAGE > above)
			break;
	}
	wl_check((char *)ring.sq.ring_ptr < above && (char *)ring.sq.ring_ptr + 5 * PAGE > above);
	wl_try(munmap(above, PAGE));
	ring_drive(&ring, 7);
	wl_ready_and_wait();
	ring_drive(&ring, 300);
	wl_pass();
}
