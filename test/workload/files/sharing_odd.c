/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open file descriptions shared in odd places: by a grandchild and the root while the task between
 * has closed it; by two siblings while the parent has closed it; by two grandchildren of different
 * children, at different numbers; once dup'ed onto standard error.
 *
 * wl: areas files
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

/* The descriptors' numbers; COUSINS moves to 100 in the second grandchild. */
enum { ROOT_AND_GRANDCHILD = 20, SIBLINGS, COUSINS, ON_STDERR };

static pid_t *grandchild;

static void child(int number)
{
	pid_t pid = wl_fork_awaited();

	if (pid == 0) {
		close(SIBLINGS);
		if (number)
			wl_move_fd(COUSINS, 100);
		wl_child_wait();
		wl_check_eq(lseek(number ? 100 : COUSINS, 0, SEEK_CUR), 33);
		_exit(0);
	}
	grandchild[number] = pid;
	close(ROOT_AND_GRANDCHILD);
	close(COUSINS);
	wl_child_wait();
	wl_check(fcntl(ROOT_AND_GRANDCHILD, F_GETFD) < 0 && fcntl(COUSINS, F_GETFD) < 0);
	wl_finish(pid);
	_exit(0);
}

int main(void)
{
	pid_t me = getpid(), pid[2];

	grandchild =
		wl_try(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	for (int n = ROOT_AND_GRANDCHILD; n <= ON_STDERR; n++) {
		wl_move_fd(wl_try(open(wl_format("file-%d", n), O_RDWR | O_CREAT, 0644)), n);
		wl_try(ftruncate(n, 100));
		wl_check_eq(lseek(n, n == COUSINS ? 33 : n, SEEK_SET), n == COUSINS ? 33 : n);
	}
	for (int i = 0; i < 2; i++)
		if ((pid[i] = wl_fork_awaited()) == 0)
			child(i);
	close(SIBLINGS);
	close(COUSINS);
	wl_move_fd(wl_try(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 200)), 200);
	wl_ready_and_wait();
	wl_check(wl_same_description(me, STDERR_FILENO, me, 200));
	wl_check(wl_same_description(me, STDERR_FILENO, pid[0], STDERR_FILENO));
	for (int i = 0; i < 2; i++)
		wl_check(wl_same_description(me, ROOT_AND_GRANDCHILD, grandchild[i],
					     ROOT_AND_GRANDCHILD));
	wl_check(wl_same_description(pid[0], SIBLINGS, pid[1], SIBLINGS));
	wl_check(wl_same_description(grandchild[0], COUSINS, grandchild[1], 100));
	wl_check(wl_same_description(me, ON_STDERR, grandchild[1], ON_STDERR));
	for (int i = 0; i < 2; i++)
		wl_finish(pid[i]);
	wl_pass();
}
