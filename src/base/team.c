/* SPDX-License-Identifier: Apache-2.0 */
/* See team.h. Parts are handed out one after the other, so that all in front of a part that fails
 * are done, or being done, by then: the first failure is the same in every run. */
#include "base/team.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <time.h>

#define SOON 32 /* looks without a pause */

struct team {
	team_work work;
	void *data;
	size_t n;
	_Atomic size_t next;
	_Atomic bool stop;
	pthread_mutex_t lock;
	size_t failed; /* the lowest part that did; n: none */
	int ret;
};

struct member {
	struct team *team;
	size_t who;
	pthread_t thread;
};

size_t team_size(size_t n, size_t worth)
{
	cpu_set_t cpus;
	size_t size = n / worth, processors;

	if (size < 2 || sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		return 1;
	processors = CPU_COUNT(&cpus);
	if (size > processors)
		size = processors;
	return size < TEAM_MAX ? size : TEAM_MAX;
}

static void note_failure(struct team *t, size_t part, int ret)
{
	pthread_mutex_lock(&t->lock);
	if (part < t->failed) {
		t->failed = part;
		t->ret = ret;
	}
	pthread_mutex_unlock(&t->lock);
	t->stop = true;
}

static void *run(void *arg)
{
	const struct member *m = arg;
	struct team *t = m->team;

	while (!t->stop) {
		size_t part = atomic_fetch_add_explicit(&t->next, 1, memory_order_relaxed);
		int ret;

		if (part >= t->n)
			break;
		ret = t->work(t->data, m->who, part);
		if (ret < 0)
			note_failure(t, part, ret);
	}
	return NULL;
}

void team_await_alone(void)
{
	const struct timespec moment = { .tv_nsec = 20000 };
	struct stat st;

	for (int i = 0; stat("/proc/self/task", &st) == 0 && st.st_nlink > 3; i++)
		if (i < SOON)
			sched_yield();
		else
			nanosleep(&moment, NULL);
}

int team_run(size_t size, size_t n, team_work work, void *data)
{
	struct team t = { .work = work, .data = data, .n = n, .failed = n };
	struct member members[TEAM_MAX];
	size_t started = 1;

	pthread_mutex_init(&t.lock, NULL);
	members[0] = (struct member){ .team = &t };
	for (; started < size && started < TEAM_MAX; started++) {
		members[started] = (struct member){ .team = &t, .who = started };
		if (pthread_create(&members[started].thread, NULL, run, &members[started]))
			break;
	}
	run(&members[0]);
	while (--started)
		pthread_join(members[started].thread, NULL);
	pthread_mutex_destroy(&t.lock);
	return t.ret;
}
