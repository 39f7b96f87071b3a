/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As many areas as a process may have (vm.max_map_count), in the process and in a child of it that
 * has moved a few: the work must not grow with the square of their number.
 *
 * wl: areas memory
 * wl: needs no-asan
 * wl: timeout 120
 * wl: crossing none CRIU takes minutes
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

enum { ROOM = 128 };

int main(void)
{
	size_t page = getpagesize();
	int max = atoi(wl_read_file("/proc/sys/vm/max_map_count")), n = max - ROOM;
	char *base, *other;
	pid_t pid;

	if (n > 65530 - ROOM)
		n = 65530 - ROOM;
	base = wl_try(mmap(NULL, n * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
			   -1, 0));
	other = wl_try(
		mmap(NULL, 8 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	for (int i = 0; i < n; i += 2) {
		wl_try(mprotect(base + i * page, page, PROT_READ | PROT_WRITE));
		if (i % 16 == 0)
			*(int *)(base + i * page) = i;
	}
	pid = wl_fork_awaited();
	if (pid == 0) {
		for (int i = 0; i < 8; i++)
			wl_try(mremap(base + i * 4 * page, page, page,
				      MREMAP_MAYMOVE | MREMAP_FIXED, other + i * page));
		wl_child_wait();
		for (int i = 0; i < 8; i += 4)
			wl_check_eq(*(int *)(other + i * page), i * 4);
		for (int i = 32; i < n; i += 16)
			wl_check_eq(*(int *)(base + i * page), i);
		_exit(0);
	}
	wl_ready_and_wait();
	for (int i = 0; i < n; i += 16)
		wl_check_eq(*(int *)(base + i * page), i);
	wl_finish(pid);
	wl_pass();
}
