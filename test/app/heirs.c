/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that does nothing but exec, by its last thread, which takes the id of the first: the
 * other threads end, the first one among them, or had a first one that has ended by itself.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int generation;

static void *heir(void *arg)
{
	char number[16], *argv[] = { "heirs", number, NULL }, *env[] = { NULL };

	(void)arg;
	snprintf(number, sizeof(number), "%d", generation + 1);
	execve("/proc/thread-self/exe", argv, env);
	err(1, "execve");
}

static void *spectator(void *arg)
{
	(void)arg;
	for (;;)
		pause();
}

static void start(void *(*routine)(void *arg))
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, routine, NULL);
	if (errno)
		err(1, "pthread_create");
}

int main(int argc, char **argv)
{
	generation = argc > 1 ? atoi(argv[1]) : 0;
	for (int i = generation / 4 % 3; i-- > 0;)
		start(spectator);
	start(heir);
	if (generation % 4 == 3)
		pthread_exit(NULL);
	for (;;)
		pause();
}
