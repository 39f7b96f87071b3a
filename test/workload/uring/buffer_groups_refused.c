/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buffers that a ring gives out (IORING_REGISTER_PBUF_RING), of a ring for one thread: refused by
 * name, and still there.
 *
 *	wl: areas  aio-uring-bpf
 *	wl: libs   -luring
 *	wl: needs  io_uring kernel:6.8
 *	wl: expect dump-refused has buffers to give out
 */
#define _GNU_SOURCE
#include "ring.h"

int main(void)
{
	struct io_uring_buf_reg reg = { .ring_entries = 4, .bgid = 3 };
	struct io_uring ring;

	ring_new(&ring, 8, IORING_SETUP_SINGLE_ISSUER);
	reg.ring_addr = (uintptr_t)wl_try(
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	RING_TRY(io_uring_register_buf_ring(&ring, &reg, 0));
	wl_ready_and_wait();
	ring_drive(&ring, 3);
	RING_TRY(io_uring_unregister_buf_ring(&ring, 3));
	wl_pass();
}
