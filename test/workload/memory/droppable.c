/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A MAP_DROPPABLE area (Linux 6.11): VmFlags "dp", and with it "wf" and "dd", which the kernel
 * sets itself, and the contents as long as memory isn't short.
 *
 * wl: areas memory
 * wl: crossing to CRIU does not save the contents
 * wl: needs droppable
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

#ifndef MAP_DROPPABLE
#define MAP_DROPPABLE 0x08
#endif

int main(void)
{
	size_t size = 8 * getpagesize();
	char *area = wl_try(
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_DROPPABLE | MAP_ANONYMOUS, -1, 0));
	char *flags = wl_vma_field(area, "VmFlags");

	wl_check(wl_vma_flag(area, "dp"));
	wl_fill(area, size, 1);
	wl_ready_and_wait();
	wl_check_text("VmFlags", wl_vma_field(area, "VmFlags"), flags);
	wl_check(wl_matches(area, size, 1));
	wl_pass();
}
