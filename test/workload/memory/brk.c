/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap of brk(): contents, the break itself (not on a page's border), and that it grows and
 * shrinks from there.
 *
 * wl: areas memory
 *	wl: flavours host user unpriv
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	size_t size = 100000, more = 300000;
	char *heap = wl_try(sbrk(size)), *end = (char *)syscall(SYS_brk, 0);

	wl_fill(heap, size, 1);
	wl_ready_and_wait();
	wl_check(wl_matches(heap, size, 1));
	wl_check_eq(syscall(SYS_brk, 0), (uintptr_t)end);
	wl_check_eq((uintptr_t)wl_try(sbrk(more)), (uintptr_t)end);
	for (size_t i = getpagesize(); i < more; i++)
		if (end[i])
			wl_fail("new heap memory isn't zero at %zu", i);
	wl_fill(end, more, 2);
	wl_check(wl_matches(heap, size, 1));
	wl_try(sbrk(-(long)more));
	wl_check_eq(syscall(SYS_brk, 0), (uintptr_t)end);
	wl_check(strstr(wl_vma_line(heap), "[heap]")); /* malloc() may move the break: last */
	wl_pass();
}
