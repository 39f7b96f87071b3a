/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread-group leader has ended by pthread_exit(), one other thread lives on: it takes the
 * signal and ends the process in order.
 *
 *	wl: areas   threads
 *	wl: needs   kernel:6.9
 *	wl: flavours host user ns userns
 *	wl: crossing to CRIU freezes no group whose leader has ended
 *	wl: idle
 */
#define _GNU_SOURCE
#include "workload.h"

#include <pthread.h>
#include <unistd.h>

static void *live(void *arg)
{
	(void)arg;
	wl_await_state(getpid(), "Z");
	wl_ready_and_wait();
	wl_await_state(getpid(), "Z");
	wl_check_eq(wl_status(gettid(), "Tgid", 10), getpid());
	wl_check(gettid() != getpid());
	wl_check_eq(wl_status(gettid(), "Threads", 10), 2);
	wl_pass();
}

int main(void)
{
	pthread_t thread;

	wl_check_eq(pthread_create(&thread, NULL, live, NULL), 0);
	pthread_exit(NULL);
}
