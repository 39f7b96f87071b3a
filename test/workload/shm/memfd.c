/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mappings of memfds: shared read-write, private with own pages, and one whose descriptor is
 * closed, in parent and child; name, size, and seals (of ones that are not mapped). What is sealed
 * against writing can't be mapped for that through a descriptor that is opened anew, but privately.
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

static int sealed_for_writing(const char *contents)
{
	int fd = wl_try(memfd_create("written", MFD_ALLOW_SEALING));

	wl_check_eq(write(fd, contents, 4096), 4096);
	wl_try(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	return fd;
}

static void check_sealed(int fd, uint32_t seed)
{
	int again = wl_try(open(wl_format("/proc/self/fd/%d", fd), O_RDWR));
	char *view;

	wl_check_eq(fcntl(fd, F_GET_SEALS), F_SEAL_WRITE);
	wl_check(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0) == MAP_FAILED);
	wl_check_eq(errno, EPERM);
	view = wl_try(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, again, 0));
	wl_check(wl_matches(view, 4096, seed));
	view[0]++;
}

int main(void)
{
	size_t page = getpagesize(), size = 8 * page;
	const int prot = PROT_READ | PROT_WRITE;
	int open_fd = wl_try(memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	int closed_fd = wl_try(memfd_create("closed", 0)),
	    sealed = wl_try(memfd_create("sealed", 2)), written;
	char *shared, *own, *closed, buf[4096];
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
	written = sealed_for_writing(shared);
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
	wl_check_eq(pread(sealed, buf, sizeof(buf), 0), sizeof(buf));
	wl_check(wl_matches(buf, sizeof(buf), 1));
	wl_check(pwrite(sealed, buf, 1, 0) < 0 && errno == EPERM);
	wl_check_eq(fcntl(sealed, F_GET_SEALS), F_SEAL_WRITE | F_SEAL_SHRINK);
	check_sealed(written, 1);
	wl_check_eq(fcntl(open_fd, F_GET_SEALS), 0);
	wl_check_eq(fcntl(open_fd, F_GETFD), FD_CLOEXEC);
	wl_check_eq(lseek(open_fd, 0, SEEK_END), size);
	wl_check(strstr(wl_vma_line(closed), "/memfd:closed (deleted)"));
	wl_finish(pid);
	wl_check(wl_matches(closed, page, 4));
	wl_check(!memcmp(shared, "child", 5));
	wl_pass();
}
