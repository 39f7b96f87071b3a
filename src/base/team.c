/* SPDX-License-Identifier: Apache-2.0 */
/* See team.h. Parts are handed out one after the other, so that all in front of a part that fails
 * are done, or being done, by then: the first failure is the same in every run. */
#include "base/team.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#define SOON 32 /* looks without a pause */

struct member {
	struct team *team;
	size_t who;
	pthread_t thread;
};

struct team {
	team_work work;
	void *data;
	size_t n;
	_Atomic size_t next;
	_Atomic bool stop;
	pthread_mutex_t lock;
	size_t failed; /* the lowest part that did; n: none */
	int ret;
	struct member members[TEAM_MAX]; /* the first is the caller */
	size_t started;
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

static void begin(struct team *t, size_t size)
{
	sigset_t all, before;

	pthread_mutex_init(&t->lock, NULL);
	t->failed = t->n;
	t->members[0] = (struct member){ .team = t };
	/* Signals are for the caller: one that waits for a child would miss its SIGCHLD. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	for (t->started = 1; t->started < size && t->started < TEAM_MAX; t->started++) {
		struct member *m = &t->members[t->started];

		*m = (struct member){ .team = t, .who = t->started };
		if (pthread_create(&m->thread, NULL, run, m))
			break;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static int end(struct team *t)
{
	while (--t->started)
		pthread_join(t->members[t->started].thread, NULL);
	pthread_mutex_destroy(&t->lock);
	return t->ret;
}

int team_run(size_t size, size_t n, team_work work, void *data)
{
	struct team t = { .work = work, .data = data, .n = n };

	begin(&t, size);
	run(&t.members[0]);
	return end(&t);
}

int team_start(struct team **ret, size_t helpers, size_t n, team_work work, void *data)
{
	size_t processors = team_size(TEAM_MAX, 1);
	struct team *t = processors > 1 ? calloc(1, sizeof(*t)) : NULL;

	if (!t)
		return -EAGAIN;
	t->work = work;
	t->data = data;
	t->n = n;
	begin(t, helpers < processors - 1 ? helpers + 1 : processors);
	if (t->started == 1) {
		end(t);
		free(t);
		return -EAGAIN;
	}
	*ret = t;
	return 0;
}

int team_finish(struct team *t)
{
	int ret;

	run(&t->members[0]);
	ret = end(t);
	free(t);
	return ret;
}

void team_abandon(struct team *t)
{
	t->stop = true;
	end(t);
	free(t);
}
