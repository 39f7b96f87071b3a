/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sixteen requests of Linux' asynchronous I/O are under way on a disk at any time, as a database
 *has them (O_DIRECT): each ends once, whenever the dump comes, and what was written is there.
 *
 *	wl: areas    aio-uring-bpf
 *	wl: crossing none CRIU loses such requests
 *	wl: cycles   10
 */
#define _GNU_SOURCE
#include "workload.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DEPTH = 16, BLOCK = 4096, BLOCKS = 64, LIMIT = 20 };

static struct request {
	struct iocb cb;
	unsigned char *data;
	int block;
} requests[DEPTH];

static aio_context_t context;
static unsigned char written[BLOCKS]; /* by what each block was filled last */
static int fd;

/* No two of one block at a time: each request has its own. */
static void submit(struct request *r)
{
	struct iocb *list[] = { &r->cb };

	r->block = (r->block + DEPTH) % BLOCKS;
	memset(r->data, ++written[r->block], BLOCK);
	r->cb = (struct iocb){ .aio_data = (uintptr_t)r,
			       .aio_lio_opcode = IOCB_CMD_PWRITE,
			       .aio_fildes = fd,
			       .aio_buf = (uintptr_t)r->data,
			       .aio_nbytes = BLOCK,
			       .aio_offset = (int64_t)r->block * BLOCK };
	wl_check_eq(wl_try(syscall(SYS_io_submit, context, 1, list)), 1);
}

static struct request *next_done(void)
{
	struct timespec limit = { .tv_sec = LIMIT };
	struct io_event e;
	long n;

	do
		n = syscall(SYS_io_getevents, context, 1, 1, &e, &limit);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		wl_fail("io_getevents gave %ld: a request was lost", n);
	wl_check_eq(e.res, BLOCK);
	return (struct request *)(uintptr_t)e.data;
}

int main(void)
{
	unsigned char *block = aligned_alloc(BLOCK, BLOCK);

	fd = wl_try(open("disk", O_RDWR | O_CREAT | O_DIRECT, 0600));
	wl_try(ftruncate(fd, (off_t)BLOCKS * BLOCK));
	wl_try(syscall(SYS_io_setup, DEPTH, &context));
	for (int i = 0; i < DEPTH; i++) {
		requests[i].data = aligned_alloc(BLOCK, BLOCK);
		requests[i].block = i;
		submit(&requests[i]);
	}
	wl_ready();
	while (!wl_should_stop())
		submit(next_done());
	for (int i = 0; i < DEPTH; i++)
		next_done();
	for (int i = 0; i < BLOCKS; i++) {
		wl_check_eq(pread(fd, block, BLOCK, (off_t)i * BLOCK), BLOCK);
		wl_check_eq(block[0], written[i]);
		wl_check(!memcmp(block, block + 1, BLOCK - 1));
	}
	wl_pass();
}
