/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes as the tree is being frozen is told once: a process adds to an eventfd without a
 * pause, another one takes what is there by requests that wait in a ring. When it was stopped, and
 * the former not yet, the kernel has work for it that it does when the dump first comes to it; by
 * then nothing of the descriptors may have been read. What was taken is what was added.
 *
 *	wl: areas    aio-uring-bpf
 *	wl: libs     -luring
 *	wl: needs    io_uring kernel:6.14
 *	wl: crossing none CRIU knows no io_uring
 *	wl: cycles   3
 */
#define _GNU_SOURCE
#include "ring.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static struct {
	_Atomic uint64_t added;
	_Atomic int stop;
} * shared;

static _Noreturn void add(int event)
{
	wl_try(prctl(PR_SET_PDEATHSIG, SIGKILL));
	while (!shared->stop) {
		wl_try(eventfd_write(event, 1));
		shared->added++;
	}
	_exit(0);
}

static void ask(struct io_uring *ring, int event, uint64_t *value)
{
	io_uring_prep_read(io_uring_get_sqe(ring), event, value, sizeof(*value), 0);
	RING_TRY(io_uring_submit(ring));
}

/* 0: nothing for a while. */
static uint64_t take(struct io_uring *ring, int event, uint64_t *value)
{
	struct __kernel_timespec moment = { .tv_nsec = 10000000 };
	struct io_uring_cqe *cqe;
	uint64_t taken;

	if (io_uring_wait_cqe_timeout(ring, &cqe, &moment) < 0)
		return 0;
	wl_check_eq(cqe->res, sizeof(*value));
	io_uring_cqe_seen(ring, cqe);
	taken = *value;
	ask(ring, event, value);
	return taken;
}

int main(void)
{
	int event = wl_try(eventfd(0, 0)), status;
	uint64_t value, taken = 0, more;
	struct io_uring ring;
	pid_t child;

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	wl_check(shared != MAP_FAILED);
	ring_new(&ring, 8, 0);
	ask(&ring, event, &value);
	child = wl_try(fork());
	if (!child)
		add(event);
	wl_ready();
	while (!wl_should_stop())
		taken += take(&ring, event, &value);
	shared->stop = 1;
	wl_check_eq(wl_try(waitpid(child, &status, 0)), child);
	wl_check_eq(status, 0);
	while ((more = take(&ring, event, &value)))
		taken += more;
	wl_check_eq(taken, shared->added);
	wl_pass();
}
