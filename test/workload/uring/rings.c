/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rings of io_uring: one that was never used, one that has gone round many times, one with
 * completions that nobody has taken, one with requests that are not submitted yet, a large one.
 * Heads, tails, contents and addresses are the same, and all go on.
 *
 *	wl: areas    aio-uring-bpf
 *	wl: flavours host user unpriv ns userns
 *	wl: libs     -luring
 *	wl: needs    io_uring kernel:5.16
 *	wl: crossing none CRIU knows no io_uring
 */
#define _GNU_SOURCE
#include "ring.h"

#include <fcntl.h>

enum { UNUSED, ROUND, UNREAD, UNSUBMITTED, LARGE, RINGS };

static void check_file_io(struct io_uring *ring)
{
	int fd = wl_try(open("file", O_RDWR | O_CREAT | O_TRUNC, 0600));
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
	char text[] = "by a ring";

	io_uring_prep_write(sqe, fd, text, sizeof(text), 0);
	sqe->user_data = 1;
	RING_TRY(io_uring_submit(ring));
	wl_check_eq(ring_take(ring, 1), sizeof(text));
	memset(text, 0, sizeof(text));
	sqe = io_uring_get_sqe(ring);
	io_uring_prep_read(sqe, fd, text, sizeof(text), 0);
	sqe->flags |= IOSQE_ASYNC;
	sqe->user_data = 2;
	RING_TRY(io_uring_submit(ring));
	wl_check_eq(ring_take(ring, 2), sizeof(text));
	wl_check_text("file", text, "by a ring");
	close(fd);
}

int main(void)
{
	static struct io_uring rings[RINGS];
	static struct ring_places saved[RINGS];
	struct io_uring_sqe *sqe;

	for (int i = 0; i < RINGS; i++)
		ring_new(&rings[i], i == LARGE ? 4096 : i == UNUSED ? 1 : 8, 0);
	ring_drive(&rings[ROUND], 1000);
	check_file_io(&rings[ROUND]);
	for (uint64_t i = 0; i < 10; i++)
		ring_submit(&rings[UNREAD], 100 + i);
	wl_check_eq(ring_take(&rings[UNREAD], 100), 0);
	ring_drive(&rings[UNSUBMITTED], 3);
	sqe = io_uring_get_sqe(&rings[UNSUBMITTED]);
	io_uring_prep_nop(sqe);
	sqe->user_data = 4711;
	ring_drive(&rings[LARGE], 5000);
	for (int i = 0; i < RINGS; i++)
		saved[i] = ring_places(&rings[i]);
	wl_ready_and_wait();
	for (int i = 0; i < RINGS; i++)
		ring_check(&rings[i], &saved[i]);
	RING_TRY(io_uring_submit(&rings[UNSUBMITTED]));
	wl_check_eq(ring_take(&rings[UNSUBMITTED], 4711), 0);
	for (uint64_t i = 1; i < 10; i++)
		wl_check_eq(ring_take(&rings[UNREAD], 100 + i), 0);
	for (int i = 0; i < RINGS; i++) {
		ring_drive(&rings[i], 20);
		check_file_io(&rings[i]);
		io_uring_queue_exit(&rings[i]);
	}
	wl_pass();
}
