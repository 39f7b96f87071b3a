/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As leader_gone, but of a child process with two threads left; the parent waits for its end.
 *
 *	wl: areas   threads
 *	wl: needs   kernel:6.9
 *	wl: flavours host user ns userns
 *	wl: crossing to CRIU freezes no group whose leader has ended
 */
#define _GNU_SOURCE
#include "workload.h"

#include <pthread.h>
#include <unistd.h>

static struct wl_stage *ready, *go;

static void *live(void *arg)
{
	wl_await_state(getpid(), "Z");
	wl_stage_add(ready);
	wl_stage_await(go, 1);
	wl_check(wl_status(gettid(), "Threads", 10) >= 2);
	if (arg) {
		wl_check_eq(pthread_join(*(pthread_t *)arg, NULL), 0);
		_exit(0);
	}
	return NULL;
}

int main(void)
{
	static pthread_t first, second;
	pid_t pid;

	ready = wl_stage_new();
	go = wl_stage_new();
	pid = wl_fork();
	if (pid == 0) {
		wl_check_eq(pthread_create(&first, NULL, live, NULL), 0);
		wl_check_eq(pthread_create(&second, NULL, live, &first), 0);
		pthread_exit(NULL);
	}
	wl_stage_await(ready, 2);
	wl_ready_and_wait();
	wl_stage_add(go);
	wl_reap(pid);
	wl_pass();
}
