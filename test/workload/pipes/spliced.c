/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pipes with pages that were not written to them: of a file (splice), of the program's own memory
 * (vmsplice, also with a later change of that memory), of another pipe (tee), in pieces of a few
 * bytes that fill all places of the ring.
 *
 * wl: areas pipes
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "workload.h"

enum { PIECES = 16 };

int main(void)
{
	int file[2], own[2], copy[2], small[2], fd = wl_try(open("file", O_RDWR | O_CREAT, 0600));
	size_t page = getpagesize(), size = 8 * page;
	char *buf = malloc(size), *memory = aligned_alloc(page, page);
	struct iovec iov = { memory, page };
	off_t at = 100;
	ssize_t got = 0, n;

	wl_fill(buf, size, 1);
	wl_check_eq(write(fd, buf, size), size);
	wl_try(pipe(file));
	wl_check_eq(splice(fd, &at, file[1], NULL, 3 * page, 0), 3 * page);
	wl_try(pipe(copy));
	wl_check_eq(tee(file[0], copy[1], page + 5, 0), page + 5);
	wl_try(pipe(own));
	memset(memory, 'm', page);
	wl_check_eq(vmsplice(own[1], &iov, 1, 0), page);
	memory[7] = 'X'; /* is seen by the reader */
	wl_try(pipe(small));
	for (int i = 0; i < PIECES; i++) {
		at = i * page / 2;
		wl_check_eq(splice(fd, &at, small[1], NULL, 3, 0), 3);
	}
	wl_ready_and_wait();
	/* The old one is still the pipe's page, if that was not restored. */
	memory = malloc(size);
	wl_check_eq(read(copy[0], memory, 16), 16);
	wl_check(!memcmp(memory, buf + 100, 16));
	wl_check_eq(read(own[0], memory, page), page);
	wl_check(memory[6] == 'm' && memory[7] == 'X' && memory[page - 1] == 'm');
	for (int i = 0; i < PIECES; i++) {
		wl_check_eq(read(small[0], memory, 3), 3);
		wl_check(!memcmp(memory, buf + i * page / 2, 3));
	}
	for (; got < (ssize_t)(3 * page); got += n)
		wl_check((n = read(file[0], memory + got, size)) > 0);
	wl_check_eq(got, 3 * page);
	wl_check(!memcmp(memory, buf + 100, got));
	wl_pass();
}
