/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupted reads and writes: read and readv of an empty pipe, write to a full one, opening
 * a FIFO that nobody else has open. All must go on waiting and then succeed.
 *
 *	wl: areas   signals pipes
 *	wl: flavours host user ns userns
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "restart.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

static int empty[2], empty2[2], full[2];

static long do_read(void)
{
	char bytes[8];

	return syscall(SYS_read, empty[0], bytes, sizeof(bytes));
}

static long do_readv(void)
{
	char bytes[2][8];
	struct iovec vector[2] = { { bytes[0], 8 }, { bytes[1], 8 } };

	return syscall(SYS_readv, empty2[0], vector, 2);
}

static long do_write(void)
{
	return syscall(SYS_write, full[1], "12345678", 8);
}

static long do_open(void)
{
	long fd = syscall(SYS_openat, AT_FDCWD, "fifo", O_RDONLY);

	return fd < 0 ? fd : 0;
}

static struct restart list[] = {
	RESTART("read", SYS_read, do_read, 3, false),
	RESTART("readv", SYS_readv, do_readv, 5, false),
	RESTART("write", SYS_write, do_write, 8, false),
	RESTART("open of a FIFO", SYS_openat, do_open, 0, false),
	{ 0 },
};

int main(void)
{
	static char page[4096];
	int size;

	wl_try(pipe(empty));
	wl_try(pipe(empty2));
	wl_try(pipe(full));
	size = wl_try(fcntl(full[1], F_GETPIPE_SZ));
	for (int i = 0; i < size / 4096; i++)
		wl_check_eq(write(full[1], page, 4096), 4096);
	wl_try(mkfifo("fifo", 0600));
	restart_begin(list);
	wl_ready_and_wait();
	restart_still(list);
	wl_check_eq(write(empty[1], "abc", 3), 3);
	wl_check_eq(write(empty2[1], "abcde", 5), 5);
	wl_check_eq(read(full[0], page, 4096), 4096);
	wl_try(open("fifo", O_WRONLY));
	restart_end(list, 0);
	wl_pass();
}
