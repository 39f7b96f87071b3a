/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that wait in a ring that a thread of the kernel's polls, and in one that two threads
 * use: each is done when what it waits for comes.
 *
 *	wl: areas    aio-uring-bpf
 *	wl: libs     -luring
 *	wl: needs    io_uring kernel:6.14
 *	wl: crossing none CRIU knows no io_uring
 */
#define _GNU_SOURCE
#include "ring.h"

#include <poll.h>
#include <pthread.h>

static struct io_uring polled, common;
static int pipes[4][2];
static pthread_barrier_t submitted, checked;

static void wait_for(struct io_uring *ring, int pipe)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	wl_check(sqe);
	io_uring_prep_poll_add(sqe, pipes[pipe][0], POLLIN);
	sqe->user_data = pipe;
	RING_TRY(io_uring_submit(ring));
}

static void expect(struct io_uring *ring, int pipe)
{
	wl_check_eq(io_uring_cq_ready(ring), 0);
	wl_check_eq(write(pipes[pipe][1], "x", 1), 1);
	wl_check_eq(ring_take(ring, pipe), POLLIN);
}

static void *other(void *unused)
{
	wait_for(&common, 3);
	pthread_barrier_wait(&submitted);
	pthread_barrier_wait(&checked);
	return unused;
}

int main(void)
{
	struct io_uring_params p = { .flags = IORING_SETUP_SQPOLL, .sq_thread_idle = 20 };
	pthread_t thread;

	for (int i = 0; i < 4; i++)
		wl_try(pipe(pipes[i]));
	wl_try(pthread_barrier_init(&submitted, NULL, 2));
	wl_try(pthread_barrier_init(&checked, NULL, 2));
	RING_TRY(io_uring_queue_init_params(8, &polled, &p));
	ring_drive(&polled, 3);
	wait_for(&polled, 0);
	wait_for(&polled, 1);
	ring_new(&common, 8, 0);
	wait_for(&common, 2);
	wl_try(pthread_create(&thread, NULL, other, NULL));
	pthread_barrier_wait(&submitted);
	wl_ready_and_wait();
	expect(&polled, 0);
	expect(&polled, 1);
	expect(&common, 2);
	wl_check_eq(write(pipes[3][1], "x", 1), 1);
	wl_check_eq(ring_take(&common, 3), POLLIN); /* its thread does the work, and it sleeps */
	pthread_barrier_wait(&checked);
	wl_try(pthread_join(thread, NULL));
	ring_drive(&polled, 20);
	ring_drive(&common, 20);
	wl_pass();
}
