/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A grandchild asked for a signal at its parent's death (PR_SET_PDEATHSIG). After the restore
 * the attribute reads the same; killing the parent in between delivers the signal once.
 *
 *	wl: areas   signals task
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "workload.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int runs;

static void on_signal(int sig)
{
	(void)sig;
	runs++;
}

static void live(struct wl_stage *ready, struct wl_stage *go)
{
	int sig;

	signal(SIGUSR1, on_signal);
	wl_try(prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0));
	wl_stage_add(ready);
	wl_stage_await(go, 1);
	wl_check_eq(runs, 0);
	wl_try(prctl(PR_GET_PDEATHSIG, &sig, 0, 0, 0));
	wl_check_eq(sig, SIGUSR1);
	wl_stage_add(ready);
	wl_stage_await(go, 2);
	wl_check_eq(runs, 1);
	_exit(0);
}

int main(void)
{
	struct wl_stage *ready = wl_stage_new(), *go = wl_stage_new(), *pid = wl_stage_new();
	pid_t middle;
	int status;

	wl_try(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
	middle = wl_fork();
	if (middle == 0) {
		pid_t grandchild = wl_fork();

		if (grandchild == 0)
			live(ready, go);
		pid->value = grandchild;
		wl_stage_add(ready);
		wl_stage_await(go, 3);
		_exit(1);
	}
	wl_stage_await(ready, 2);
	wl_ready_and_wait();
	wl_stage_add(go);
	wl_stage_await(ready, 3);
	wl_try(kill(middle, SIGKILL));
	wl_check_eq(waitpid(middle, &status, 0), middle);
	wl_stage_add(go);
	wl_reap(pid->value);
	wl_pass();
}
