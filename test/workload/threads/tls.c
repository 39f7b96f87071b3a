/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thread-local data at six places: leader, thread, thread of a thread, child forked by each
 * of them; each finds its own afterwards, and joins and waits complete.
 *
 *	wl: areas   threads
 *	wl: flavours host user ns userns unpriv
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "workload.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static __thread char own[64];
static __thread long number = 77;
static struct wl_stage *ready, *go;

static void fill(const char *what)
{
	snprintf(own, sizeof(own), "%s of %d", what, gettid());
	number += gettid();
}

static void check(const char *what)
{
	char want[64];

	snprintf(want, sizeof(want), "%s of %d", what, gettid());
	wl_check_text("thread-local text", own, want);
	wl_check_eq(number, 77 + gettid());
}

static pid_t fork_one(const char *what)
{
	pid_t pid = wl_fork();

	if (pid)
		return pid;
	number = 77;
	fill(what);
	wl_stage_add(ready);
	wl_stage_await(go, 1);
	check(what);
	_exit(0);
}

static void *inner(void *arg)
{
	pid_t pid;

	(void)arg;
	fill("inner thread");
	pid = fork_one("child of the inner thread");
	wl_stage_add(ready);
	wl_stage_await(go, 1);
	check("inner thread");
	wl_reap(pid);
	return own[0] ? (void *)1 : NULL;
}

static void *outer(void *arg)
{
	pthread_t thread;
	void *result;
	pid_t pid;

	(void)arg;
	fill("thread");
	pid = fork_one("child of the thread");
	wl_check_eq(pthread_create(&thread, NULL, inner, NULL), 0);
	wl_stage_add(ready);
	wl_stage_await(go, 1);
	check("thread");
	wl_check_eq(pthread_join(thread, &result), 0);
	wl_check(result == (void *)1);
	wl_reap(pid);
	return (void *)2;
}

int main(void)
{
	pthread_t thread;
	void *result;
	pid_t pid;

	ready = wl_stage_new();
	go = wl_stage_new();
	fill("leader");
	pid = fork_one("child of the leader");
	wl_check_eq(pthread_create(&thread, NULL, outer, NULL), 0);
	wl_stage_await(ready, 5);
	wl_ready_and_wait();
	check("leader");
	wl_stage_add(go);
	wl_check_eq(pthread_join(thread, &result), 0);
	wl_check(result == (void *)2);
	wl_reap(pid);
	wl_pass();
}
