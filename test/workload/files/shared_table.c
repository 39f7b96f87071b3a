/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tasks made by clone(CLONE_FILES) share one descriptor table: what one opens or closes after the
 * restore the other sees. A third task with a table of its own doesn't.
 *
 * wl: areas files
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

static int sharer(void *arg)
{
	volatile int *fd = arg;

	wl_wait();
	*fd = wl_try(open("later", O_RDWR | O_CREAT, 0644));
	wl_try(close(40));
	_exit(0);
}

static bool same_table(pid_t a, pid_t b)
{
	return wl_try(syscall(SYS_kcmp, a, b, KCMP_FILES, 0, 0)) == 0;
}

int main(void)
{
	char *stack = wl_try(
		mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	volatile int *fd =
		wl_try(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	pid_t sharing, own;

	wl_move_fd(wl_try(open("file", O_RDWR | O_CREAT, 0644)), 40);
	own = wl_fork_awaited();
	if (own == 0) {
		wl_child_wait();
		wl_check_eq(fcntl(40, F_GETFD), 0);
		_exit(0);
	}
	sharing = wl_try(clone(sharer, stack + 65536, CLONE_FILES | SIGCHLD, (void *)fd));
	wl_check(same_table(getpid(), sharing) && !same_table(getpid(), own));
	wl_ready_and_wait();
	wl_check(same_table(getpid(), sharing) && !same_table(getpid(), own));
	wl_finish(sharing);
	wl_try(fcntl(*fd, F_GETFD));
	wl_check(fcntl(40, F_GETFD) < 0 && errno == EBADF);
	wl_finish(own);
	wl_pass();
}
