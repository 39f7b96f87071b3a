/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Children that execute this very program again and again, which then ends: the freeze meets
 * tasks in the middle of exec, when memory, threads and names change under its hands.
 *
 *	wl: areas   task
 *	wl: ignore   tree maps fds fdinfo links args status limits sched
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "workload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WIDTH 3
#define DEPTH 5

static void hop(int depth)
{
	char number[16], *argv[] = { "hop", number, NULL };

	if (depth == 0)
		_exit(0);
	snprintf(number, sizeof(number), "%d", depth - 1);
	execv("/proc/self/exe", argv);
	wl_pfail("execv");
}

int main(int argc, char **argv)
{
	pid_t pids[WIDTH];

	if (argc == 2 && !strcmp(argv[0], "hop"))
		hop(atoi(argv[1]));
	wl_ready();
	do {
		for (int i = 0; i < WIDTH; i++) {
			pids[i] = wl_fork();
			if (pids[i] == 0)
				hop(DEPTH);
		}
		for (int i = 0; i < WIDTH; i++)
			wl_reap(pids[i]);
	} while (!wl_should_stop());
	wl_pass();
}
