/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals of a 32-bit program: handlers of both frame kinds (with and without siginfo), an
 * alternate stack in use, masks, pending signals with payload, and a handler after the restore.
 *
 *	wl: areas   arch signals
 *	wl: flavours host user ns userns
 *	wl: needs   32bit
 *	wl: cflags  -m32
 */
#define _GNU_SOURCE
#include "workload.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct wl_stage *ready, *go;
static char stack[65536];
static volatile int plain, full;

static void on_plain(int sig)
{
	(void)sig;
	plain++;
}

static void on_full(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	full += info->si_value.sival_int;
}

static void on_stack(int sig)
{
	stack_t now;
	char here;

	(void)sig;
	wl_stage_add(ready);
	wl_stage_await(go, 1);
	wl_check(&here >= stack && &here < stack + sizeof(stack));
	wl_try(sigaltstack(NULL, &now));
	wl_check(now.ss_sp == stack);
	wl_check_eq(now.ss_flags, SS_ONSTACK);
}

static void *live(void *arg)
{
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };

	wl_try(sigaltstack(&alternate, NULL));
	wl_check_eq(pthread_kill(pthread_self(), SIGUSR2), 0);
	return arg;
}

int main(void)
{
	struct sigaction actions[] = {
		{ .sa_handler = on_plain },
		{ .sa_sigaction = on_full, .sa_flags = SA_SIGINFO | SA_NODEFER },
		{ .sa_handler = on_stack, .sa_flags = SA_ONSTACK },
	}, now;
	const int signals[] = { SIGUSR1, SIGRTMIN, SIGUSR2 };
	pthread_t thread;
	sigset_t set;

	ready = wl_stage_new();
	go = wl_stage_new();
	for (int i = 0; i < 3; i++)
		wl_try(sigaction(signals[i], &actions[i], NULL));
	wl_check_eq(pthread_create(&thread, NULL, live, NULL), 0);
	wl_stage_await(ready, 1);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigaddset(&set, SIGUSR1);
	wl_try(sigprocmask(SIG_BLOCK, &set, NULL));
	for (int i = 1; i <= 3; i++)
		wl_check_eq(pthread_sigqueue(pthread_self(), SIGRTMIN, (union sigval){ i }), 0);
	wl_check_eq(pthread_kill(pthread_self(), SIGUSR1), 0);
	wl_ready_and_wait();
	wl_check(plain == 0 && full == 0);
	wl_try(sigprocmask(SIG_UNBLOCK, &set, NULL));
	wl_check_eq(plain, 1);
	wl_check_eq(full, 6);
	for (int i = 0; i < 3; i++) {
		wl_try(sigaction(signals[i], NULL, &now));
		wl_check(now.sa_handler == actions[i].sa_handler);
		wl_check_eq(now.sa_flags & ~0x04000000, actions[i].sa_flags);
	}
	wl_stage_add(go);
	wl_check_eq(pthread_join(thread, NULL), 0);
	wl_pass();
}
