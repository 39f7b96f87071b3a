/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that waits for a completion, of a ring that has nothing to do: it must not see an EINTR,
 * and gets what another thread submits afterwards.
 *
 *	wl: areas    aio-uring-bpf
 *	wl: flavours host user
 *	wl: libs     -luring
 *	wl: needs    io_uring kernel:5.16
 *	wl: cycles   3
 *	wl: crossing none CRIU knows no io_uring
 */
#define _GNU_SOURCE
#include "ring.h"

#include <pthread.h>
#include <sys/syscall.h>

static struct io_uring ring;
static pid_t tid;

static void *wait_for_one(void *arg)
{
	__atomic_store_n(&tid, gettid(), __ATOMIC_SEQ_CST);
	wl_check_eq(wl_try(syscall(SYS_io_uring_enter, ring.ring_fd, 0, 1, IORING_ENTER_GETEVENTS,
				   NULL, 0)),
		    0);
	wl_check_eq(ring_take(&ring, 4711), 0);
	return arg;
}

int main(void)
{
	pthread_t thread;

	ring_new(&ring, 8, 0);
	ring_drive(&ring, 3);
	wl_check_eq(pthread_create(&thread, NULL, wait_for_one, NULL), 0);
	while (!__atomic_load_n(&tid, __ATOMIC_SEQ_CST))
		wl_sleep_ms(1);
	wl_await_call(tid, SYS_io_uring_enter);
	wl_ready_and_wait();
	ring_submit(&ring, 4711);
	wl_check_eq(pthread_join(thread, NULL), 0);
	ring_drive(&ring, 20);
	wl_pass();
}
