/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is registered with a ring: files (a socket, a regular one, an eventfd, none) and buffers,
 * used by their indices before and after.
 *
 *	wl: areas    aio-uring-bpf
 *	wl: flavours host user
 *	wl: libs     -luring
 *	wl: needs    io_uring kernel:6.13
 *	wl: crossing none CRIU knows no io_uring
 */
#define _GNU_SOURCE
#include "ring.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#define SIZE 8192

enum { SOCKET, FILE_, NONE, EVENT, FILES };

static struct io_uring ring;
static int fds[FILES], peer;
static char *buffers[2];

static int fixed(int index, bool write, int buffer, unsigned int len)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	if (write)
		io_uring_prep_write_fixed(sqe, index, buffers[buffer], len, 0, buffer);
	else
		io_uring_prep_read_fixed(sqe, index, buffers[buffer], len, 0, buffer);
	sqe->flags |= IOSQE_FIXED_FILE;
	sqe->user_data = index;
	RING_TRY(io_uring_submit(&ring));
	return ring_take(&ring, index);
}

static void use(uint32_t seed)
{
	uint64_t count;
	char got[5] = "";

	wl_fill(buffers[0], SIZE, seed);
	wl_check_eq(fixed(FILE_, true, 0, SIZE), SIZE);
	memset(buffers[1], 0, SIZE);
	wl_check_eq(fixed(FILE_, false, 1, SIZE), SIZE);
	wl_check(wl_matches(buffers[1], SIZE, seed));
	memcpy(buffers[0], "ping", 5);
	wl_check_eq(fixed(SOCKET, true, 0, 5), 5);
	wl_check_eq(wl_try(read(peer, got, 5)), 5);
	wl_check_text("socket", got, "ping");
	*(uint64_t *)buffers[0] = 7;
	wl_check_eq(fixed(EVENT, true, 0, 8), 8);
	wl_check_eq(wl_try(read(fds[EVENT], &count, 8)), 8);
	wl_check_eq(count, 7);
	wl_check_eq(fixed(NONE, true, 0, 5), -EBADF);
}

int main(void)
{
	struct iovec list[2];
	int pair[2];

	ring_new(&ring, 4, 0);
	wl_try(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	fds[SOCKET] = pair[0];
	peer = pair[1];
	fds[FILE_] = wl_try(open("file", O_RDWR | O_CREAT | O_TRUNC, 0600));
	fds[NONE] = -1;
	fds[EVENT] = wl_try(eventfd(0, 0));
	RING_TRY(io_uring_register_files(&ring, fds, FILES));
	for (int i = 0; i < 2; i++) {
		buffers[i] = wl_try(mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
					 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
		list[i] = (struct iovec){ buffers[i], SIZE };
	}
	RING_TRY(io_uring_register_buffers(&ring, list, 2));
	use(1);
	wl_ready_and_wait();
	use(2);
	RING_TRY(io_uring_unregister_buffers(&ring));
	RING_TRY(io_uring_unregister_files(&ring));
	wl_pass();
}
