/* SPDX-License-Identifier: Apache-2.0 */
/* See ahead.h: a ring of pieces, filled by the thread and emptied by the caller. */
#include "kernel/ahead.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE  ((size_t)32 << 10)
#define PIECES 4

struct piece {
	char data[PIECE];
	size_t len, taken;
	int result; /* 0: more may follow; 1: the file ends behind it; -errno */
};

struct ahead {
	int fd;
	size_t most;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t filled, emptied; /* pieces so far */
	bool stop;
	struct piece pieces[PIECES];
};

static void fill(const struct ahead *a, struct piece *p)
{
	p->len = p->taken = 0;
	p->result = 0;
	while (!p->result && p->len + a->most <= PIECE) {
		ssize_t n = read(a->fd, p->data + p->len, a->most);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			p->result = n < 0 ? -errno : 1;
		else
			p->len += n;
	}
}

static void *run(void *arg)
{
	struct ahead *a = arg;
	bool last = false;

	pthread_mutex_lock(&a->lock);
	while (!last && !a->stop) {
		struct piece *p = &a->pieces[a->filled % PIECES];

		if (a->filled - a->emptied == PIECES) {
			pthread_cond_wait(&a->changed, &a->lock);
			continue;
		}
		pthread_mutex_unlock(&a->lock);
		fill(a, p);
		last = p->result != 0;
		pthread_mutex_lock(&a->lock);
		a->filled++;
		pthread_cond_signal(&a->changed);
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

struct ahead *ahead_start(int fd, size_t most)
{
	struct ahead *a;
	cpu_set_t cpus;

	if (most > PIECE || sched_getaffinity(0, sizeof(cpus), &cpus) < 0 || CPU_COUNT(&cpus) < 2)
		return NULL;
	a = malloc(sizeof(*a));
	if (!a)
		return NULL;
	a->fd = fd;
	a->most = most;
	a->filled = a->emptied = 0;
	a->stop = false;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->changed, NULL);
	if (pthread_create(&a->thread, NULL, run, a) == 0)
		return a;
	free(a);
	return NULL;
}

/* The oldest piece that is full. Nobody changes it before it is given back. */
static struct piece *oldest(struct ahead *a)
{
	pthread_mutex_lock(&a->lock);
	while (a->filled == a->emptied)
		pthread_cond_wait(&a->changed, &a->lock);
	pthread_mutex_unlock(&a->lock);
	return &a->pieces[a->emptied % PIECES];
}

static void give_back(struct ahead *a)
{
	pthread_mutex_lock(&a->lock);
	a->emptied++;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->lock);
}

ssize_t ahead_read(struct ahead *a, void *buf, size_t len)
{
	struct piece *p = oldest(a);

	while (p->taken == p->len) {
		if (p->result)
			return p->result < 0 ? p->result : 0;
		give_back(a);
		p = oldest(a);
	}
	if (len > p->len - p->taken)
		len = p->len - p->taken;
	memcpy(buf, p->data + p->taken, len);
	p->taken += len;
	return len;
}

void ahead_stop(struct ahead *a)
{
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->stop = true;
	pthread_cond_signal(&a->changed);
	pthread_mutex_unlock(&a->lock);
	pthread_join(a->thread, NULL);
	pthread_cond_destroy(&a->changed);
	pthread_mutex_destroy(&a->lock);
	free(a);
}
