/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads of a child are seized by a tracer that is in the tree too. Who traces whom can't
 * be kept, so the dump must be refused; the tracer goes on getting stops and can detach.
 * (The program's name is no part of the expected text: logs hold it anyway.)
 *
 *	wl: areas   threads signals
 *	wl: flavours host user ns userns
 *	wl: expect  dump-refused traced
 */
#define _GNU_SOURCE
#include "workload.h"

#include <pthread.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static struct wl_stage *ready, *go;

static void *live(void *arg)
{
	*(volatile uint32_t *)arg = gettid();
	wl_stage_add(ready);
	wl_stage_await(go, 1);
	return NULL;
}

int main(void)
{
	struct wl_stage *tid = wl_stage_new();
	pid_t ids[2], pid;
	int status;

	ready = wl_stage_new();
	go = wl_stage_new();
	pid = wl_fork();
	if (pid == 0) {
		pthread_t thread;

		wl_check_eq(pthread_create(&thread, NULL, live, &tid->value), 0);
		wl_stage_await(go, 1);
		wl_check_eq(pthread_join(thread, NULL), 0);
		_exit(0);
	}
	wl_stage_await(ready, 1);
	ids[0] = pid;
	ids[1] = tid->value;
	for (int i = 0; i < 2; i++)
		wl_try(ptrace(PTRACE_SEIZE, ids[i], 0, 0));
	wl_ready_and_wait();
	for (int i = 0; i < 2; i++) {
		wl_try(ptrace(PTRACE_INTERRUPT, ids[i], 0, 0));
		wl_check_eq(waitpid(ids[i], &status, __WALL), ids[i]);
		wl_check_eq(status >> 8, SIGTRAP | PTRACE_EVENT_STOP << 8);
		wl_try(ptrace(PTRACE_DETACH, ids[i], 0, 0));
	}
	wl_stage_add(go);
	wl_reap(pid);
	wl_pass();
}
