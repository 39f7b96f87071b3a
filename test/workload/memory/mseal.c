/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sealed area (mseal, Linux 6.10): contents stay, the seal (VmFlags "sl") stays, and unmapping,
 * moving and reprotecting it go on failing with EPERM.
 *
 * wl: areas memory
 * wl: crossing none CRIU loses seals
 * wl: needs mseal
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

#ifndef SYS_mseal
#define SYS_mseal 462
#endif

static void check(char *area, size_t size)
{
	wl_check(munmap(area, size) < 0 && errno == EPERM);
	wl_check(mprotect(area, size, PROT_NONE) < 0 && errno == EPERM);
	wl_check(mremap(area, size, 2 * size, MREMAP_MAYMOVE) == MAP_FAILED && errno == EPERM);
	wl_check(wl_vma_flag(area, "sl"));
}

int main(void)
{
	size_t size = 4 * getpagesize();
	char *area = wl_try(
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	wl_fill(area, size, 1);
	wl_try(syscall(SYS_mseal, area, size, 0));
	check(area, size);
	wl_ready_and_wait();
	wl_check(wl_matches(area, size, 1));
	check(area, size);
	wl_pass();
}
