/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alternate signal stacks: a thread that is frozen inside of a handler on its own one, a thread
 * inside of a handler on a stack with SS_AUTODISARM, the leader with one that is set and not in
 * use, a thread with none. Address, size and flags, in and after the handlers.
 *
 *	wl: areas   signals threads
 *	wl: flavours host user ns userns
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "workload.h"

#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define AUTODISARM (1 << 31)
#define SIZE	   65536

static struct wl_stage *ready, *go;
static char stacks[3][SIZE] __attribute__((aligned(64)));

static void check_stack(void *address, size_t size, int flags)
{
	stack_t now;

	wl_try(sigaltstack(NULL, &now));
	wl_check(now.ss_sp == address);
	wl_check_eq(now.ss_size, size);
	wl_check_eq(now.ss_flags, flags);
}

static void on_signal(int sig)
{
	char here;

	wl_stage_add(ready);
	wl_stage_await(go, 1);
	if (sig == SIGUSR1) {
		wl_check(&here >= stacks[0] && &here < stacks[0] + SIZE);
		check_stack(stacks[0], SIZE, SS_ONSTACK);
	} else {
		wl_check(&here >= stacks[1] && &here < stacks[1] + SIZE);
		check_stack(NULL, 0, SS_DISABLE);
	}
}

static void set_stack(int i, int flags)
{
	stack_t stack = { .ss_sp = stacks[i], .ss_size = SIZE, .ss_flags = flags };

	wl_try(sigaltstack(&stack, NULL));
}

static void *on_stack(void *arg)
{
	(void)arg;
	set_stack(0, 0);
	wl_try(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1));
	check_stack(stacks[0], SIZE, 0);
	return NULL;
}

static void *disarmed(void *arg)
{
	(void)arg;
	set_stack(1, AUTODISARM);
	wl_try(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR2));
	check_stack(stacks[1], SIZE, AUTODISARM);
	return NULL;
}

static void *none(void *arg)
{
	(void)arg;
	wl_stage_add(ready);
	wl_stage_await(go, 1);
	check_stack(NULL, 0, SS_DISABLE);
	return NULL;
}

int main(void)
{
	void *(*const lives[])(void *) = { on_stack, disarmed, none };
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };
	pthread_t threads[3];

	ready = wl_stage_new();
	go = wl_stage_new();
	wl_try(sigaction(SIGUSR1, &action, NULL));
	wl_try(sigaction(SIGUSR2, &action, NULL));
	for (int i = 0; i < 3; i++)
		wl_check_eq(pthread_create(&threads[i], NULL, lives[i], NULL), 0);
	set_stack(2, 0);
	wl_stage_await(ready, 3);
	wl_ready_and_wait();
	check_stack(stacks[2], SIZE, 0);
	wl_stage_add(go);
	for (int i = 0; i < 3; i++)
		wl_check_eq(pthread_join(threads[i], NULL), 0);
	wl_pass();
}
