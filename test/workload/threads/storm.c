/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 1024 threads (32 in a guest; elsewhere as many as come to life in two seconds, beside those that
 * storm already, but not less) are each replaced all the time by a new one, which joins its
 * predecessor: the freeze must catch all of them, and the chain must never break.
 *
 *	wl: areas   threads
 *	wl: ignore  tree maps fds fdinfo links args status limits sched
 *	wl: timeout 150
 *	wl: flavours host user ns userns
 *	wl: cycles  2
 *	wl: crossing none CRIU loses threads that end while it stops them
 */
#define _GNU_SOURCE
#include "workload.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#define MAX_WIDTH 1024
#define MIN_WIDTH 32
#define START_NS  (2 * INT64_C(1000000000))

static size_t width;
static bool stop;
static unsigned long born;
static struct wl_stage *ended;

struct link {
	pthread_t previous;
	bool first;
};

static struct link links[MAX_WIDTH];

static void *live(void *arg)
{
	struct link *link = arg;
	pthread_t self = pthread_self(), next;
	int err;

	if (!link->first)
		wl_check_eq(pthread_join(link->previous, NULL), 0);
	link->first = false;
	link->previous = self;
	__atomic_add_fetch(&born, 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		wl_stage_add(ended);
		return NULL;
	}
	err = pthread_create(&next, NULL, live, link);
	if (err)
		wl_fail("pthread_create: %s", strerror(err));
	return NULL;
}

int main(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	unsigned long before;
	int64_t begun = wl_now(CLOCK_MONOTONIC);

	ended = wl_stage_new();
	pthread_attr_init(&attr);
	for (width = 0; width < wl_scaled(MAX_WIDTH, MIN_WIDTH); width++) {
		if (width >= MIN_WIDTH && wl_now(CLOCK_MONOTONIC) > begun + START_NS)
			break;
		links[width].first = true;
		wl_check_eq(pthread_create(&thread, &attr, live, &links[width]), 0);
	}
	wl_ready_and_wait();
	before = __atomic_load_n(&born, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&born, __ATOMIC_SEQ_CST) < before + width)
		wl_sleep_ms(5);
	__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	wl_stage_await(ended, width);
	for (size_t i = 0; i < width; i++)
		wl_check_eq(pthread_join(links[i].previous, NULL), 0);
	wl_pass();
}
