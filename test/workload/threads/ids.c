/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hundred threads whose ids have holes (every third one has ended): each keeps its id, the
 * list in /proc is the same, each can be signalled by its id, and at its end the kernel
 * clears the word that joins wait for.
 *
 *	wl: areas   threads
 *	wl: flavours host user ns userns
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "workload.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WIDTH 150

static struct wl_stage *ready, *go;
static pid_t tids[WIDTH];
static int signalled;

static void on_signal(int sig)
{
	(void)sig;
	__atomic_add_fetch(&signalled, 1, __ATOMIC_SEQ_CST);
}

static void *live(void *arg)
{
	long i = (long)arg;

	tids[i] = gettid();
	wl_stage_add(ready);
	if (i % 3 == 1)
		return NULL;
	wl_stage_await(go, 1);
	wl_check_eq(gettid(), tids[i]);
	wl_check_eq(syscall(SYS_getpid), getpid());
	wl_try(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1));
	return NULL;
}

int main(void)
{
	pthread_t threads[WIDTH];

	signal(SIGUSR1, on_signal);
	ready = wl_stage_new();
	go = wl_stage_new();
	for (long i = 0; i < WIDTH; i++)
		wl_check_eq(pthread_create(&threads[i], NULL, live, (void *)i), 0);
	wl_stage_await(ready, WIDTH);
	for (int i = 1; i < WIDTH; i += 3)
		wl_check_eq(pthread_join(threads[i], NULL), 0);
	wl_ready_and_wait();
	wl_check_eq(wl_status(getpid(), "Threads", 10), 101);
	for (int i = 0; i < WIDTH; i++) {
		char *path = wl_format("/proc/self/task/%d/status", tids[i]);

		wl_check_eq(access(path, F_OK), i % 3 == 1 ? -1 : 0);
	}
	wl_stage_add(go);
	for (int i = 0; i < WIDTH; i++)
		if (i % 3 != 1)
			wl_check_eq(pthread_join(threads[i], NULL), 0);
	wl_check_eq(signalled, 100);
	wl_pass();
}
