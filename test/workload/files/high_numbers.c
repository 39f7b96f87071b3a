/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Children hold descriptors at each power of two up to half of the descriptor limit, which is as
 * high as the machine allows; every second child shares its parent's table (CLONE_FILES). What
 * the restore needs for itself mustn't collide with them.
 *
 * wl: areas files
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "workload.h"

enum { CHILDREN = 4, STACK = 65536 };

static int highest;

static void check(void)
{
	struct rlimit limit;
	int count = 0;

	wl_try(getrlimit(RLIMIT_NOFILE, &limit));
	wl_check_eq(limit.rlim_cur / 2, highest);
	for (int fd = 0; fd < (int)limit.rlim_cur; fd++)
		if (fcntl(fd, F_GETFD) >= 0 && fd > 2) {
			if (fd & (fd - 1) && fd != highest)
				wl_fail("descriptor %d is open", fd);
			count++;
		}
	for (int fd = 4; fd <= highest; fd *= 2) {
		wl_try(fcntl(fd, F_GETFD));
		count--;
	}
	if (highest & (highest - 1))
		count--;
	wl_check_eq(count, 0);
}

static int run(void *arg)
{
	(void)arg;
	wl_wait();
	check();
	_exit(0);
}

int main(void)
{
	struct rlimit limit;
	pid_t pid[CHILDREN];

	wl_try(close_range(3, ~0U, 0)); /* what the starter left open */
	wl_try(getrlimit(RLIMIT_NOFILE, &limit));
	/* Not beyond what a restorer without CAP_SYS_RESOURCE can set again. */
	limit.rlim_cur = limit.rlim_max > 65536 ? 65536 : limit.rlim_max;
	wl_try(setrlimit(RLIMIT_NOFILE, &limit));
	highest = limit.rlim_cur / 2;
	wl_move_fd(wl_try(open("file", O_RDWR | O_CREAT, 0644)), highest);
	for (int fd = 4; fd < highest; fd *= 2)
		wl_try(dup2(highest, fd));
	close(3);
	for (int i = 0; i < CHILDREN; i++) {
		char *stack = wl_try(mmap(NULL, STACK, PROT_READ | PROT_WRITE,
					  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

		pid[i] = wl_try(clone(run, stack + STACK, SIGCHLD | (i % 2 ? CLONE_FILES : 0), 0));
	}
	wl_ready_and_wait();
	check();
	for (int i = 0; i < CHILDREN; i++)
		wl_finish(pid[i]);
	wl_pass();
}
