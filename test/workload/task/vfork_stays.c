/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process in vfork(2) whose child stays as it is: the dump gives up
 * after its time, and says why.
 *
 *	wl: areas   task
 *	wl: flavours host unpriv
 *	wl: dump    --timeout 1
 *	wl: expect  dump-refused vfork
 */
#define _GNU_SOURCE
#include "workload.h"

#include <signal.h>
#include <unistd.h>

static struct wl_stage *in_child, *stop;

int main(void)
{
	const struct timespec moment = { 0, 1000000 };
	pid_t pid;

	in_child = wl_stage_new();
	stop = wl_stage_new();
	pid = wl_fork();
	if (!pid) {
		pid_t child = vfork();

		if (!child) {
			wl_stage_add(in_child);
			while (!stop->value)
				nanosleep(&moment, NULL);
			_exit(0);
		}
		wl_reap(child);
		_exit(0);
	}
	wl_stage_await(in_child, 1);
	wl_ready_and_wait();
	wl_stage_add(stop);
	wl_reap(pid);
	wl_pass();
}
