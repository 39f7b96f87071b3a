/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request of Linux' asynchronous I/O that takes its time, as one on a slow disk does: here it is
 * for a clock that strikes two seconds after it was given, while the tree stands still, and the
 * program has written over what it gave, so that it can't be given again: the dump waits for it.
 * For the other contexts it does not: nothing is under way in one with events that nobody has
 * fetched, nor in one whose events the program has taken from the ring itself, so that the kernel
 * has counted less of them.
 *
 *	wl: areas    aio-uring-bpf
 *	wl: needs    kernel:5.19
 *	wl: crossing none CRIU loses such requests
 */
#define _GNU_SOURCE
#include "workload.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { LATER = 2, LIMIT = 5, EVENTS = 5 };

struct ring {
	unsigned int id, nr, head, tail;
};

/* With events, of which the program takes some. */
static aio_context_t with_events(unsigned int taken)
{
	struct iocb cb = { .aio_lio_opcode = IOCB_CMD_PREAD };
	struct iocb *list[] = { &cb, &cb, &cb, &cb, &cb };
	aio_context_t id = 0;

	cb.aio_fildes = wl_try(open("/dev/null", O_RDONLY));
	wl_try(syscall(SYS_io_setup, EVENTS, &id));
	wl_check_eq(wl_try(syscall(SYS_io_submit, id, EVENTS, list)), EVENTS);
	close(cb.aio_fildes);
	((struct ring *)(uintptr_t)id)->head += taken;
	return id;
}

int main(void)
{
	const struct itimerspec later = { .it_value.tv_sec = LATER };
	struct timespec limit = { .tv_sec = LIMIT };
	int clock = wl_try(timerfd_create(CLOCK_MONOTONIC, 0));
	struct iocb cb = { .aio_data = 4711,
			   .aio_lio_opcode = IOCB_CMD_POLL,
			   .aio_fildes = clock,
			   .aio_buf = POLLIN };
	struct iocb *list[] = { &cb };
	aio_context_t context = 0, unread = with_events(0), taken = with_events(EVENTS);
	struct io_event e;

	wl_try(syscall(SYS_io_setup, 8, &context));
	wl_try(timerfd_settime(clock, 0, &later, NULL));
	wl_check_eq(wl_try(syscall(SYS_io_submit, context, 1, list)), 1);
	cb.aio_buf = POLLOUT;
	wl_ready_and_wait();
	wl_check_eq(wl_try(syscall(SYS_io_getevents, context, 1, 1, &e, &limit)), 1);
	wl_check_eq(e.data, 4711);
	wl_check_eq(e.obj, (uintptr_t)&cb);
	wl_check(e.res & POLLIN);
	wl_check_eq(syscall(SYS_io_getevents, unread, EVENTS, EVENTS,
			    &(struct io_event[EVENTS]){ 0 }, NULL),
		    EVENTS);
	wl_check_eq(syscall(SYS_io_getevents, taken, 0, 1, &e, NULL), 0);
	wl_try(syscall(SYS_io_destroy, context));
	wl_pass();
}
