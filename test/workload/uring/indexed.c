/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring that two threads know by an index of their own (IORING_REGISTER_RING_FDS), and use by it.
 *
 *	wl: areas    aio-uring-bpf
 *	wl: flavours host user
 *	wl: libs     -luring
 *	wl: needs    io_uring kernel:5.18
 *	wl: crossing none CRIU knows no io_uring
 */
#define _GNU_SOURCE
#include "ring.h"

#include <sys/syscall.h>

static struct io_uring ring;

static int by_index(unsigned int op, struct io_uring_rsrc_update *update)
{
	return wl_try(syscall(SYS_io_uring_register, ring.ring_fd, op, update, 1));
}

static void set_up(void *arg)
{
	struct io_uring_rsrc_update update = { .offset = *(int *)arg, .data = ring.ring_fd };

	wl_check_eq(by_index(IORING_REGISTER_RING_FDS, &update), 1);
}

static void check(void *arg)
{
	int index = *(int *)arg;

	for (int i = 0; i < 16; i++) {
		long ret =
			syscall(SYS_io_uring_enter, i, 0, 0, IORING_ENTER_REGISTERED_RING, NULL, 0);

		if (i == index)
			wl_check_eq(ret, 0);
		else
			wl_check(ret < 0 && errno == EBADF);
	}
}

int main(void)
{
	static int other = 5;

	ring_new(&ring, 8, 0);
	wl_actor_thread(set_up, check, &other);
	wl_check_eq(RING_TRY(io_uring_register_ring_fd(&ring)), 1);
	ring_drive(&ring, 3);
	wl_ready_and_wait();
	ring_drive(&ring, 20); /* liburing uses the index */
	check(&ring.enter_ring_fd);
	wl_actors_finish();
	wl_pass();
}
