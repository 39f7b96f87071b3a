/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heads of the robust-futex lists (get_robust_list) of leader and thread, and that the
 * kernel goes on working with them: a robust mutex whose owner thread ends after the restore
 * is passed on with EOWNERDEAD. A child has a list head of its own choice.
 *
 *	wl: areas   threads
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "workload.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

struct list {
	void *head;
	size_t len;
};

static pthread_mutex_t mutex;
static struct robust_list_head chosen = { .list.next = &chosen.list };

static void get(struct list *list)
{
	wl_try(syscall(SYS_get_robust_list, 0, &list->head, &list->len));
}

static void compare(const struct list *want)
{
	struct list now;

	get(&now);
	wl_check(now.head == want->head);
	wl_check_eq(now.len, want->len);
}

static void lock(void *arg)
{
	get(arg);
	wl_check_eq(pthread_mutex_lock(&mutex), 0);
}

/* Ends with the mutex held. */
static void leave(void *arg)
{
	compare(arg);
}

static void choose(void *arg)
{
	wl_try(syscall(SYS_set_robust_list, &chosen, sizeof(chosen)));
	get(arg);
	wl_check(((struct list *)arg)->head == &chosen);
}

int main(void)
{
	static struct list leader, thread, child;
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	wl_check_eq(pthread_mutex_init(&mutex, &attr), 0);
	get(&leader);
	wl_actor_thread(lock, leave, &thread);
	wl_actor_fork(choose, leave, &child);
	wl_ready_and_wait();
	compare(&leader);
	wl_check_eq(pthread_mutex_trylock(&mutex), EBUSY);
	wl_actors_finish();
	wl_check_eq(pthread_mutex_lock(&mutex), EOWNERDEAD);
	wl_pass();
}
