/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request of Linux' asynchronous I/O that does not end (for data in a pipe), and whose words the
 * program has written over since, so that it can't be given again: refused when the time is over,
 * and it ends when there is data.
 *
 *	wl: areas  aio-uring-bpf
 *	wl: needs  kernel:5.19
 *	wl: dump   --timeout 1
 *	wl: expect dump-refused is an AIO context with 1 request under way that did not end within --timeout
 */
#define _GNU_SOURCE
#include "workload.h"

#include <linux/aio_abi.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	struct timespec limit = { .tv_sec = 5 };
	int ends[2];
	struct iocb cb = { .aio_lio_opcode = IOCB_CMD_POLL, .aio_buf = POLLIN };
	struct iocb *list[] = { &cb };
	aio_context_t context = 0;
	struct io_event e;

	wl_try(pipe(ends));
	cb.aio_fildes = ends[0];
	wl_try(syscall(SYS_io_setup, 8, &context));
	wl_check_eq(wl_try(syscall(SYS_io_submit, context, 1, list)), 1);
	cb.aio_buf = POLLOUT;
	wl_ready_and_wait();
	wl_check_eq(write(ends[1], "x", 1), 1);
	wl_check_eq(wl_try(syscall(SYS_io_getevents, context, 1, 1, &e, &limit)), 1);
	wl_check(e.res & POLLIN);
	wl_pass();
}
