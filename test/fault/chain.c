/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains of threads: each makes its successor, on memory of its own, and ends; the successor takes
 * its predecessor's memory away. A freeze that misses one thread finds that memory change under
 * its eyes.
 *
 *	chain COUNT
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define STACK (256 << 10)

struct link {
	pthread_t previous;
	void *its_stack, *stack; /* its_stack is NULL for the first */
};

static void start(struct link *link, void *(*live)(void *))
{
	pthread_attr_t attr;
	pthread_t thread;

	link->stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_init(&attr);
	if (pthread_attr_setstack(&attr, link->stack, STACK) ||
	    pthread_create(&thread, &attr, live, link))
		abort();
	pthread_attr_destroy(&attr);
}

static void *live(void *arg)
{
	struct link *link = arg;

	if (link->its_stack) {
		pthread_join(link->previous, NULL);
		munmap(link->its_stack, STACK);
	}
	link->previous = pthread_self();
	link->its_stack = link->stack;
	start(link, live);
	return NULL;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1;

	for (int i = 0; i < n; i++)
		start(calloc(1, sizeof(struct link)), live);
	for (;;)
		pause();
}
