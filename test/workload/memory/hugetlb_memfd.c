/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hugetlb memfd, mapped shared and, at an offset, privately with an own page.
 *
 * wl: areas memory
 * wl: needs hugepages
 * wl: lane hugepages
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	const size_t huge = 2UL << 20;
	int fd = wl_try(memfd_create("huge", MFD_HUGETLB));
	char *shared, *own;

	wl_try(ftruncate(fd, 2 * huge));
	shared = wl_try(mmap(NULL, 2 * huge, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	wl_fill(shared, 2 * huge, 1);
	own = wl_try(mmap(NULL, huge, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, huge));
	wl_fill(own, huge, 2);
	wl_ready_and_wait();
	wl_check(wl_matches(shared, 2 * huge, 1));
	wl_check(wl_matches(own, huge, 2));
	wl_check(wl_vma_flag(shared, "ht") && wl_vma_flag(own, "ht"));
	wl_check_eq(lseek(fd, 0, SEEK_END), 2 * huge);
	wl_pass();
}
