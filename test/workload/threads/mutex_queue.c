/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ten threads are blocked on one mutex: none may have got through before it is released, then
 * all pass exactly once and leave it unlocked.
 *
 *	wl: areas   threads
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "workload.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WIDTH 10

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int passed;
static pid_t tids[WIDTH];

static void *pass(void *arg)
{
	__atomic_store_n((pid_t *)arg, gettid(), __ATOMIC_SEQ_CST);
	wl_check_eq(pthread_mutex_lock(&mutex), 0);
	passed++;
	wl_check_eq(pthread_mutex_unlock(&mutex), 0);
	return NULL;
}

int main(void)
{
	pthread_t threads[WIDTH];

	pthread_mutex_lock(&mutex);
	for (int i = 0; i < WIDTH; i++)
		wl_check_eq(pthread_create(&threads[i], NULL, pass, &tids[i]), 0);
	for (int i = 0; i < WIDTH; i++) {
		while (!__atomic_load_n(&tids[i], __ATOMIC_SEQ_CST))
			wl_sleep_ms(1);
		wl_await_call(tids[i], SYS_futex);
	}
	wl_ready_and_wait();
	wl_check_eq(passed, 0);
	wl_check_eq(pthread_mutex_trylock(&mutex), EBUSY);
	wl_check_eq(pthread_mutex_unlock(&mutex), 0);
	for (int i = 0; i < WIDTH; i++)
		wl_check_eq(pthread_join(threads[i], NULL), 0);
	wl_check_eq(passed, WIDTH);
	wl_check_eq(pthread_mutex_trylock(&mutex), 0);
	wl_pass();
}
