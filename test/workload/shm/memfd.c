/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mappings of memfds: shared read-write, shared read-only of a write-sealed one, private with own
 * pages, and one whose descriptor is closed, in parent and child; the name, the size, the seals.
 *
 * wl: areas shm memory
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	size_t page = getpagesize(), size = 8 * page;
	const int prot = PROT_READ | PROT_WRITE;
	int open_fd = wl_try(memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	int closed_fd = wl_try(memfd_create("closed", 0)), sealed = wl_try(memfd_create("sealed", 2));
	char *shared, *own, *closed, *view;
	pid_t pid;

	wl_try(ftruncate(open_fd, size));
	wl_try(ftruncate(closed_fd, size));
	shared = wl_try(mmap(NULL, size, prot, MAP_SHARED, open_fd, 0));
	own = wl_try(mmap(NULL, 4 * page, prot, MAP_PRIVATE, open_fd, 4 * page));
	closed = wl_try(mmap(NULL, size, prot, MAP_SHARED, closed_fd, 0));
	close(closed_fd);
	wl_fill(shared, size, 1);
	wl_fill(own + page, page, 2);
	wl_fill(closed, size, 3);
	wl_check_eq(write(sealed, shared, size), size);
	wl_try(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK));
	view = wl_try(mmap(NULL, size, PROT_READ, MAP_SHARED, sealed, 0));
	pid = wl_fork_awaited();
	if (pid == 0) {
		wl_child_wait();
		wl_fill(closed, page, 4);
		wl_check_eq(pwrite(open_fd, "child", 5, 0), 5);
		_exit(0);
	}
	wl_ready_and_wait();
	wl_check(wl_matches(shared, size, 1));
	wl_check(wl_matches(own + page, page, 2));
	wl_check(!memcmp(own, shared + 4 * page, page));
	wl_check(wl_matches(closed, size, 3));
	wl_check(!memcmp(view, shared, size));
	wl_check_eq(fcntl(sealed, F_GET_SEALS), F_SEAL_WRITE | F_SEAL_SHRINK);
	wl_check_eq(fcntl(open_fd, F_GET_SEALS), 0);
	wl_check_eq(fcntl(open_fd, F_GETFD), FD_CLOEXEC);
	wl_check(mprotect(view, size, prot) < 0 && errno == EACCES);
	wl_check_eq(lseek(open_fd, 0, SEEK_END), size);
	wl_check(strstr(wl_vma_line(closed), "/memfd:closed (deleted)"));
	wl_finish(pid);
	wl_check(wl_matches(closed, page, 4));
	wl_check(!memcmp(shared, "child", 5));
	wl_pass();
}
