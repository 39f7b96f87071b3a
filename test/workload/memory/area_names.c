/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of anonymous areas (PR_SET_VMA_ANON_NAME, Linux 5.17), private and shared.
 *
 * wl: areas memory
 * wl: needs anon_name
 */
#define _GNU_SOURCE
#include <linux/prctl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	size_t size = 4 * getpagesize();
	char *own = wl_try(
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	wl_try(prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, own, size, "my heap"));
	wl_fill(own, size, 1);
	wl_check(strstr(wl_vma_line(own), "[anon:my heap]"));
	wl_ready_and_wait();
	wl_check(wl_matches(own, size, 1));
	if (!strstr(wl_vma_line(own), "[anon:my heap]"))
		wl_fail("the name is lost: %s", wl_vma_line(own));
	wl_pass();
}
