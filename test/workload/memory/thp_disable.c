/* SPDX-License-Identifier: Apache-2.0 */
/*
 * prctl(PR_SET_THP_DISABLE): reads 1 afterwards, while VmFlags of areas with and without advice
 * stay as they are, also when it is cleared.
 *
 * wl: areas memory task
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	const size_t size = 4UL << 20;
	char *plain = wl_try(
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	char *advised = wl_try(
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	char *flags[2];

	wl_try(madvise(advised, size, MADV_HUGEPAGE));
	flags[0] = wl_vma_field(plain, "VmFlags");
	flags[1] = wl_vma_field(advised, "VmFlags");
	wl_try(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	plain[0] = advised[0] = 1;
	wl_ready_and_wait();
	wl_check_eq(prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0), 1);
	wl_check_text("VmFlags", wl_vma_field(plain, "VmFlags"), flags[0]);
	wl_check_text("VmFlags", wl_vma_field(advised, "VmFlags"), flags[1]);
	wl_try(prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0));
	wl_check_text("VmFlags", wl_vma_field(plain, "VmFlags"), flags[0]);
	wl_check_text("VmFlags", wl_vma_field(advised, "VmFlags"), flags[1]);
	wl_pass();
}
