/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One memfd by many ways: opened again through /proc/self/fd for reading, for writing, and as a
 * path; mapped shared through the one that can only read (mprotect to writable is EACCES), private
 * with pages of its own and without access; longer than the file (SIGBUS behind its end); linked
 * out of order between parent and child.
 *
 * wl: areas shm memory pidfd-memfd-misc-fds
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

static sigjmp_buf back;

static void on_fault(int sig)
{
	siglongjmp(back, sig);
}

static int fault_of(volatile char *p)
{
	int sig = sigsetjmp(back, 1);

	if (!sig)
		*p;
	return sig;
}

int main(void)
{
	struct sigaction act = { .sa_handler = on_fault };
	size_t page = getpagesize();
	int fd = wl_try(memfd_create("twice", MFD_ALLOW_SEALING)), ro, wo;
	char *view, *own, *shared, buf[8] = "";
	struct wl_fd state[2], now;
	pid_t pid;

	wl_try(sigaction(SIGBUS, &act, NULL));
	wl_try(ftruncate(fd, 3 * page));
	ro = wl_try(open(wl_format("/proc/self/fd/%d", fd), O_RDONLY | O_NONBLOCK));
	wo = wl_try(open(wl_format("/proc/self/fd/%d", fd), O_WRONLY | O_APPEND));
	view = wl_try(mmap(NULL, 4 * page, PROT_READ, MAP_SHARED, ro, 0));
	own = wl_try(mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, ro, 0));
	shared = wl_try(mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, page));
	strcpy(own + page, "own");
	wl_try(mprotect(own, 3 * page, PROT_NONE));
	strcpy(shared + page, "shared");
	wl_check_eq(write(wo, "tail", 4), 4);
	wl_try(lseek(ro, 3 * page, SEEK_SET));
	wl_try(lseek(fd, 1 << 30, SEEK_SET));
	wl_fd_save(fd, &state[0]);
	wl_fd_save(ro, &state[1]);
	pid = wl_fork_awaited();
	if (pid == 0) {
		close(fd);
		wl_try(munmap(shared, 2 * page));
		wl_child_wait();
		wl_check(!strcmp(view + 2 * page, "shared"));
		wl_check_eq(write(wo, "more", 4), 4);
		_exit(0);
	}
	close(wo);
	wl_ready_and_wait();
	wl_fd_save(fd, &now); /* a memfd's times are not kept */
	for (int i = 0; i < 2; i++) {
		state[i].mtime_sec = now.mtime_sec;
		state[i].mtime_nsec = now.mtime_nsec;
	}
	wl_fd_check(fd, &state[0]);
	wl_fd_check(ro, &state[1]);
	wl_check(mprotect(view, page, PROT_READ | PROT_WRITE) < 0 && errno == EACCES);
	wl_check(!strcmp(view + 2 * page, "shared"));
	wl_check_eq(fault_of(view + 3 * page), 0);
	wl_try(mprotect(own, 3 * page, PROT_READ));
	wl_check(!strcmp(own + page, "own") && !strcmp(own + 2 * page, "shared"));
	wl_finish(pid);
	wl_check_eq(read(ro, buf, 8), 8);
	wl_check(!memcmp(buf, "tailmore", 8));
	wl_check_eq(fcntl(fd, F_GET_SEALS), 0);
	wl_try(ftruncate(fd, page));
	wl_check_eq(fault_of(view + page), SIGBUS);
	wl_pass();
}
