/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Huge pages in odd ways: private views of a huge memfd with a page of their own, of which one is
 * inaccessible; a shared view with a hole; a descriptor opened for reading only through /proc; and
 * a child that has overwritten its copy.
 *
 * wl: areas memory shm
 * wl: needs hugepages
 * wl: lane hugepages
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

#define HUGE (2UL << 20)

int main(void)
{
	int fd = wl_try(memfd_create("huge", MFD_HUGETLB)), ro;
	char *shared, *own, *none;
	pid_t pid;

	wl_try(ftruncate(fd, 4 * HUGE));
	shared = wl_try(mmap(NULL, 4 * HUGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	own = wl_try(mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	none = wl_try(mmap(NULL, HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, HUGE));
	ro = wl_try(open(wl_format("/proc/self/fd/%d", fd), O_RDONLY));
	shared[0] = 's';
	shared[3 * HUGE] = 't';
	own[HUGE + 5] = 'o';
	none[6] = 'n';
	wl_try(mprotect(none, HUGE, PROT_NONE));
	pid = wl_fork_awaited();
	if (pid == 0) {
		own[HUGE + 5] = 'c';
		wl_child_wait();
		wl_check(own[HUGE + 5] == 'c' && own[0] == 's');
		shared[HUGE - 1] = 'z';
		_exit(0);
	}
	wl_ready_and_wait();
	wl_check(own[0] == 's' && own[HUGE + 5] == 'o' && shared[3 * HUGE] == 't');
	wl_check(shared[2 * HUGE] == 0 && shared[HUGE + 5] == 0);
	wl_finish(pid);
	wl_check_eq(own[HUGE - 1], 'z');
	wl_check_eq(own[HUGE + 5], 'o');
	wl_try(mprotect(none, HUGE, PROT_READ));
	wl_check_eq(none[6], 'n');
	wl_check_eq(fcntl(ro, F_GETFL) & O_ACCMODE, O_RDONLY);
	wl_check_eq(lseek(ro, 0, SEEK_END), 4 * HUGE);
	wl_pass();
}
