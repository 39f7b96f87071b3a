/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that is in vfork(2) again and again, as make is: for a second when the dump begins, and
 * then for half of the time. While it waits there it can't be stopped; the dump waits for a moment
 * in between.
 *
 *	wl: areas   task
 *	wl: flavours host user unpriv ns userns
 *	wl: ignore  tree args status maps fds
 *	wl: idle
 */
#define _GNU_SOURCE
#include "workload.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static struct wl_stage *in_child, *stop, *turns;

static void sleep_in_child(unsigned int ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000L };

	if (!vfork()) {
		wl_stage_add(in_child);
		nanosleep(&time, NULL);
		_exit(7);
	}
}

static void run(void)
{
	int status;

	for (unsigned int ms = 1000; !stop->value; ms = 60) {
		sleep_in_child(ms);
		wl_check(wait(&status) > 0);
		wl_check(WIFEXITED(status));
		wl_check_eq(WEXITSTATUS(status), 7);
		wl_stage_add(turns);
		wl_sleep_ms(60);
	}
	_exit(0);
}

int main(void)
{
	uint32_t before;
	pid_t pid;

	in_child = wl_stage_new();
	stop = wl_stage_new();
	turns = wl_stage_new();
	pid = wl_fork();
	if (!pid)
		run();
	wl_stage_await(in_child, 1);
	wl_ready_and_wait();
	before = turns->value;
	wl_stage_await(turns, before + 2);
	wl_stage_add(stop);
	wl_reap(pid);
	wl_pass();
}
