/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child process that shares its table of descriptors with its parent (CLONE_FILES without
 * CLONE_VM), and one with a copy: kcmp says the same afterwards, and a descriptor opened in
 * one is there in the other.
 *
 *	wl: areas   threads files
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "kcmp.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>

static struct wl_stage *go;

static pid_t start(long flags, int fd)
{
	pid_t pid = wl_try(syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL));

	if (pid)
		return pid;
	wl_stage_await(go, 1);
	if (flags & CLONE_FILES)
		wl_check_eq(dup2(fd, 100), 100);
	else
		wl_check_eq(dup2(fd, 101), 101);
	_exit(0);
}

int main(void)
{
	int fd = wl_try(open("/dev/null", O_RDWR));
	pid_t shared, copy;

	go = wl_stage_new();
	shared = start(CLONE_FILES, fd);
	copy = start(0, fd);
	wl_ready_and_wait();
	wl_check(kcmp_same(getpid(), shared, KCMP_FILES));
	wl_check(!kcmp_same(getpid(), copy, KCMP_FILES));
	wl_check(!kcmp_same(getpid(), shared, KCMP_VM));
	wl_stage_add(go);
	wl_reap(shared);
	wl_reap(copy);
	wl_try(fcntl(100, F_GETFD));
	wl_check_eq(fcntl(101, F_GETFD), -1);
	wl_pass();
}
