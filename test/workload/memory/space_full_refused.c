/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that has used up the limit of its address space has no room for the agent: the dump
 * says so, and the process goes on.
 *
 *	wl: areas   memory task
 *	wl: expect  dump-refused has no room for the agent's
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	rlim_t space = wl_status(getpid(), "VmSize", 10) * 1024;
	struct rlimit limit = { space, space };

	wl_try(setrlimit(RLIMIT_AS, &limit));
	wl_check(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
	wl_ready_and_wait();
	wl_check_eq(wl_status(getpid(), "VmSize", 10) * 1024, space);
	wl_pass();
}
