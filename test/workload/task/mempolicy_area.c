/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The NUMA memory policy of a single area (mbind).
 *
 *	wl: areas   task
 *	wl: limit   NUMA policies of single areas
 */
#define _GNU_SOURCE
#include "workload.h"

#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIZE (16UL << 12)

int main(void)
{
	char *area = wl_try(
		mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	unsigned long nodes[16] = { 1 };
	int mode;

	wl_try(syscall(SYS_mbind, area, SIZE, MPOL_BIND, nodes, 1024UL, 0));
	area[0] = 1;
	wl_ready_and_wait();
	wl_try(syscall(SYS_get_mempolicy, &mode, nodes, 1024UL, area, MPOL_F_ADDR));
	wl_check_eq(mode, MPOL_BIND);
	wl_pass();
}
