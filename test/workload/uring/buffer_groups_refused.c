/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring that has given out more buffers than it was ever given requests: a new one can't be
 * brought there. Refused by name; its request still receives, into the buffers that are left.
 *
 *	wl: areas  aio-uring-bpf
 *	wl: libs   -luring
 *	wl: needs  io_uring kernel:6.14
 *	wl: expect dump-refused given out more buffers than
 */
#define _GNU_SOURCE
#include "ring.h"

#include <sys/socket.h>

#define ENTRIES 8

static void receive(struct io_uring *ring, int fd, unsigned int buffer)
{
	struct io_uring_cqe *cqe;

	wl_check_eq(wl_try(send(fd, "x", 1, 0)), 1);
	RING_TRY(io_uring_wait_cqe(ring, &cqe));
	wl_check_eq(cqe->res, 1);
	wl_check_eq(cqe->flags >> IORING_CQE_BUFFER_SHIFT, buffer);
	io_uring_cqe_seen(ring, cqe);
}

int main(void)
{
	struct io_uring_buf_reg reg = { .ring_entries = ENTRIES, .bgid = 3 };
	struct io_uring_buf_ring *group;
	static char buffers[ENTRIES];
	struct io_uring_sqe *sqe;
	struct io_uring ring;
	int pair[2];

	ring_new(&ring, 8, IORING_SETUP_SINGLE_ISSUER);
	group = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	wl_check(group != MAP_FAILED);
	reg.ring_addr = (uintptr_t)group;
	RING_TRY(io_uring_register_buf_ring(&ring, &reg, 0));
	for (int i = 0; i < ENTRIES; i++)
		io_uring_buf_ring_add(group, &buffers[i], 1, i, io_uring_buf_ring_mask(ENTRIES), i);
	io_uring_buf_ring_advance(group, ENTRIES);
	wl_try(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	sqe = io_uring_get_sqe(&ring);
	io_uring_prep_recv_multishot(sqe, pair[0], NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = 3;
	RING_TRY(io_uring_submit(&ring));
	for (int i = 0; i < 3; i++)
		receive(&ring, pair[1], i);
	wl_ready_and_wait();
	for (int i = 3; i < ENTRIES; i++)
		receive(&ring, pair[1], i);
	wl_pass();
}
