/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that are registered with a ring and have their names in common: both ends of a pipe, two
 * eventfds, one file that was opened twice and is read at two places. Each index leads to the same
 *one as before.
 *
 *	wl: areas    aio-uring-bpf
 *	wl: libs     -luring
 *	wl: needs    io_uring kernel:6.13
 *	wl: crossing none CRIU knows no io_uring
 */
#define _GNU_SOURCE
#include "ring.h"

#include <fcntl.h>
#include <sys/eventfd.h>

enum { READ_END, WRITE_END, EVENT, OTHER_EVENT, EARLY, LATE, FILES };

static struct io_uring ring;
static int fds[FILES];

/* At the place where it is. */
static int fixed(int index, bool write, void *buf, unsigned int len)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

	if (write)
		io_uring_prep_write(sqe, index, buf, len, -1);
	else
		io_uring_prep_read(sqe, index, buf, len, -1);
	sqe->flags |= IOSQE_FIXED_FILE;
	sqe->user_data = index;
	RING_TRY(io_uring_submit(&ring));
	return ring_take(&ring, index);
}

static void check_event(int index)
{
	uint64_t count = 3;

	wl_check_eq(fixed(index, true, &count, sizeof(count)), sizeof(count));
	wl_check_eq(wl_try(read(fds[index], &count, sizeof(count))), sizeof(count));
	wl_check_eq(count, 3);
}

static void check_read(int index, const char *want)
{
	char got[3] = "";

	wl_check_eq(fixed(index, false, got, 2), 2);
	wl_check_text("what is read", got, want);
}

static void use(const char *early, const char *late)
{
	wl_check_eq(fixed(WRITE_END, true, "ab", 2), 2);
	check_read(READ_END, "ab");
	check_event(EVENT);
	check_event(OTHER_EVENT);
	check_read(EARLY, early);
	check_read(LATE, late);
}

int main(void)
{
	ring_new(&ring, 4, 0);
	wl_try(pipe(fds));
	fds[EVENT] = wl_try(eventfd(0, EFD_NONBLOCK));
	fds[OTHER_EVENT] = wl_try(eventfd(0, EFD_NONBLOCK));
	wl_write_file("file", "0123456789abcdef");
	fds[EARLY] = wl_try(open("file", O_RDONLY));
	fds[LATE] = wl_try(open("file", O_RDONLY));
	wl_try(lseek(fds[LATE], 8, SEEK_SET));
	RING_TRY(io_uring_register_files(&ring, fds, FILES));
	use("01", "89");
	wl_ready_and_wait();
	use("23", "ab");
	wl_pass();
}
