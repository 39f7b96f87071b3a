/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Twenty threads of a 32-bit program in interrupted calls (futex, read, nanosleep, poll), the
 * latter two of the 32-bit system call table; robust lists and joins work afterwards.
 *
 *	wl: areas   arch threads signals
 *	wl: flavours host user ns userns
 *	wl: needs   32bit
 *	wl: cflags  -m32
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "workload.h"

#include <poll.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WIDTH 20

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct wl_stage *ready;
static int fds[2], passed;
static __thread int number;

static void in_call(int kind)
{
	struct pollfd pollfd = { .fd = fds[0], .events = POLLIN };
	struct {
		int32_t sec, nsec;
	} time = { 2, 0 };
	char byte;

	switch (kind) {
	case 0:
		wl_check_eq(pthread_mutex_lock(&mutex), 0);
		wl_check_eq(pthread_mutex_unlock(&mutex), 0);
		break;
	case 1:
		wl_check_eq(syscall(SYS_read, fds[0], &byte, 1), 1);
		break;
	case 2:
		wl_check_eq(syscall(SYS_nanosleep, &time, NULL), 0);
		break;
	default:
		/* Reading threads may take the bytes first: a limit. */
		wl_check(syscall(SYS_poll, &pollfd, 1, 3000) >= 0);
	}
}

static void *live(void *arg)
{
	int i = (int)(intptr_t)arg;
	void *head;
	size_t len;

	number = i * 3;
	wl_stage_add(ready);
	in_call(i % 4);
	wl_check_eq(number, i * 3);
	wl_try(syscall(SYS_get_robust_list, 0, &head, &len));
	wl_check_eq(len, 12);
	__atomic_add_fetch(&passed, 1, __ATOMIC_SEQ_CST);
	return arg;
}

int main(void)
{
	pthread_t threads[WIDTH];

	ready = wl_stage_new();
	wl_try(pipe(fds));
	wl_check_eq(pthread_mutex_lock(&mutex), 0);
	for (intptr_t i = 0; i < WIDTH; i++)
		wl_check_eq(pthread_create(&threads[i], NULL, live, (void *)i), 0);
	wl_stage_await(ready, WIDTH);
	wl_sleep_ms(50);
	wl_ready_and_wait();
	wl_check_eq(write(fds[1], "12345", 5), 5);
	wl_check_eq(pthread_mutex_unlock(&mutex), 0);
	for (int i = 0; i < WIDTH; i++)
		wl_check_eq(pthread_join(threads[i], NULL), 0);
	wl_check_eq(passed, WIDTH);
	wl_pass();
}
