/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many threads, each with a name, thread-local data and a semaphore of its own to wait on. Main
 * lets them work in an order that changes from step to step, and prints what they have made of it;
 * each finds its id, name, stack and data as it left them.
 *
 *	threads COUNT STEPS [GATE]	(a file: its size is how many steps may be done)
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

struct worker {
	pthread_t thread;
	sem_t go;
	int number;
	uint64_t value;
};

static struct worker *workers;
static sem_t done;
static uint64_t shared = 1;
static int steps;
static _Thread_local uint64_t mine;

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem))
		if (errno != EINTR)
			err(1, "sem_wait");
}

static void *work(void *arg)
{
	struct worker *me = arg;
	char name[16], now[16];
	pid_t tid = gettid();
	uint64_t before = me->number;

	snprintf(name, sizeof(name), "worker-%d", me->number);
	if (prctl(PR_SET_NAME, name))
		err(1, "PR_SET_NAME");
	mine = before;
	for (int step = 0; step < steps; step++) {
		wait_for(&me->go);
		if (gettid() != tid || mine != before)
			errx(1, "%s: thread %d (was %d), %llu (was %llu)", name, gettid(), tid,
			     (unsigned long long)mine, (unsigned long long)before);
		if (prctl(PR_GET_NAME, now) || strcmp(now, name))
			errx(1, "%s is named %s", name, now);
		mine = mine * 6364136223846793005ULL + shared;
		shared = shared * 31 + mine;
		before = me->value = mine;
		sem_post(&done);
	}
	return NULL;
}

/* With a file: until this one lets so many steps be done. */
static void await_gate(const char *gate, off_t n)
{
	struct stat st;

	while (gate && (stat(gate, &st) || st.st_size < n))
		usleep(2000);
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 2000;
	pthread_attr_t attr;

	steps = argc > 2 ? atoi(argv[2]) : 100;
	workers = calloc(count, sizeof(*workers));
	if (!workers || sem_init(&done, 0, 0) || pthread_attr_init(&attr) ||
	    pthread_attr_setstacksize(&attr, 65536 + PTHREAD_STACK_MIN))
		err(1, "set-up");
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 0; i < count; i++) {
		workers[i].number = i;
		sem_init(&workers[i].go, 0, 0);
		errno = pthread_create(&workers[i].thread, &attr, work, &workers[i]);
		if (errno)
			err(1, "pthread_create of thread %d", i);
	}
	for (int step = 0; step < steps; step++) {
		uint64_t sum = 0;

		await_gate(argc > 3 ? argv[3] : NULL, step + 1);
		/* 7919 is a prime: every thread has one turn. */
		for (int i = 0; i < count; i++) {
			sem_post(&workers[((long)i * 7919 + step) % count].go);
			wait_for(&done);
		}
		for (int i = 0; i < count; i++)
			sum = sum * 17 + workers[i].value;
		printf("%d %llx %llx\n", step, (unsigned long long)sum, (unsigned long long)shared);
	}
	for (int i = 0; i < count; i++)
		pthread_join(workers[i].thread, NULL);
	return 0;
}
