/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program with some of everything that the C library keeps: threads with thread-local data and
 * a condition they wait on, a heap that grows and shrinks, stdio streams, a timer with a handler,
 * a pipe to itself, floating point and vector state, the stack of a deep recursion. Built in the
 * ways that differ in how a program is laid out: static, static-pie, for 32 bits.
 *
 *	state PAUSE	prints a line a step, the same for any PAUSE (microseconds between steps)
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 4, STEPS = 1200, BLOCKS = 256, DEPTH = 200 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn_changed = PTHREAD_COND_INITIALIZER;
static int turn = -1; /* whose it is; -1 main's */
static uint64_t baton = 88172645463325252ULL;
static _Thread_local uint64_t mine;
static volatile sig_atomic_t ticks;

static void on_tick(int sig)
{
	(void)sig;
	ticks++;
}

static uint64_t mix(uint64_t x)
{
	x ^= x << 13;
	x ^= x >> 7;
	return x ^ x << 17;
}

static void *thread_main(void *arg)
{
	int number = (int)(intptr_t)arg;
	volatile double angle = number;

	mine = number;
	for (;;) {
		pthread_mutex_lock(&lock);
		while (turn != number && turn != THREADS)
			pthread_cond_wait(&turn_changed, &lock);
		if (turn == THREADS)
			break;
		mine = mix(mine + baton);
		angle = sin(angle) + (double)(mine % 1000) / 500;
		baton = mine + (uint64_t)(angle * 1e6);
		turn = number + 1 < THREADS ? number + 1 : -1;
		pthread_cond_broadcast(&turn_changed);
		pthread_mutex_unlock(&lock);
	}
	pthread_mutex_unlock(&lock);
	return (void *)(uintptr_t)(mine & 0x7fffffff);
}

static void all_threads_once(void)
{
	pthread_mutex_lock(&lock);
	turn = 0;
	pthread_cond_broadcast(&turn_changed);
	while (turn != -1)
		pthread_cond_wait(&turn_changed, &lock);
	pthread_mutex_unlock(&lock);
}

struct block {
	size_t size;
	unsigned char bytes[];
};

/* One block of the heap is checked, freed, and another one put in its place. */
static uint64_t churn(struct block **blocks, uint64_t x)
{
	struct block **slot = &blocks[x % BLOCKS];
	uint64_t sum = 0;

	if (*slot)
		for (size_t i = 0; i < (*slot)->size; i += 97)
			sum = sum * 31 + (*slot)->bytes[i];
	free(*slot);
	*slot = malloc(sizeof(**slot) + x % 300000);
	if (!*slot)
		err(1, "malloc");
	(*slot)->size = x % 300000;
	memset((*slot)->bytes, (int)(x >> 32), (*slot)->size);
	return sum;
}

static uint64_t through_pipe(const int *ends, uint64_t x)
{
	uint64_t got[8] = { 0 }, put[8] = { x };

	for (int i = 1; i < 8; i++)
		put[i] = mix(put[i - 1]);
	while (write(ends[1], put, sizeof(put)) < 0)
		if (errno != EINTR)
			err(1, "write");
	for (ssize_t n; (n = read(ends[0], got, sizeof(got))) != sizeof(got);)
		if (n >= 0 || errno != EINTR)
			err(1, "read");
	return got[7];
}

static void pause_for(long microseconds)
{
	struct timespec left = { microseconds / 1000000, microseconds % 1000000 * 1000 };

	while (nanosleep(&left, &left))
		if (errno != EINTR)
			err(1, "nanosleep");
}

static uint64_t deep(int depth, uint64_t x, long pause)
{
	volatile uint64_t here[64];

	for (int i = 0; i < 64; i++)
		here[i] = x = mix(x);
	if (depth)
		x += deep(depth - 1, x, pause);
	else
		pause_for(pause);
	return x + here[x % 64];
}

int main(int argc, char **argv)
{
	static struct block *blocks[BLOCKS];
	const struct itimerval every = { { 0, 5000 }, { 0, 5000 } };
	long pause = argc > 1 ? atol(argv[1]) : 0;
	float vector[16] = { 1 };
	pthread_t threads[THREADS];
	uint64_t x = 1;
	int ends[2];

	signal(SIGALRM, on_tick);
	if (pipe(ends) || setitimer(ITIMER_REAL, &every, NULL))
		err(1, "set-up");
	for (intptr_t i = 0; i < THREADS; i++)
		if ((errno = pthread_create(&threads[i], NULL, thread_main, (void *)i)))
			err(1, "pthread_create");
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int step = 0; step < STEPS; step++) {
		all_threads_once();
		x = mix(x + baton);
		x += churn(blocks, x);
		x = through_pipe(ends, x);
		x = deep(DEPTH, x, pause);
		for (int i = 0; i < 16; i++)
			vector[i] = vector[i] * 0.75f + (float)(x >> i & 0xff);
		printf("%d %llx %llx %.3f\n", step, (unsigned long long)x,
		       (unsigned long long)baton, (double)vector[step % 16]);
	}
	pthread_mutex_lock(&lock);
	turn = THREADS;
	pthread_cond_broadcast(&turn_changed);
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < THREADS; i++) {
		void *result;

		if ((errno = pthread_join(threads[i], &result)))
			err(1, "pthread_join");
		printf("thread %d: %lx\n", i, (unsigned long)(uintptr_t)result);
	}
	if (pause && ticks < 100)
		errx(1, "the timer fired %d times", (int)ticks);
	return 0;
}
