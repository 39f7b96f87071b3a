/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The NUMA memory policies of single areas (mbind): private, shared, in the middle of a mapping,
 * with a mode's flags; the neighbours have none.
 *
 *	wl: areas   task
 *	wl: flavours host user unpriv ns userns
 *	wl: crossing none CRIU drops the policies of areas
 */
#define _GNU_SOURCE
#include "workload.h"

#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096UL
#define SIZE (16 * PAGE)

static void set(char *at, size_t len, int mode, unsigned long node)
{
	unsigned long nodes[16] = { node };

	wl_try(syscall(SYS_mbind, at, len, mode, nodes, 1024UL, 0));
}

static void check(const char *at, int want_mode, unsigned long want_node)
{
	unsigned long nodes[16] = { 0 };
	int mode;

	wl_try(syscall(SYS_get_mempolicy, &mode, nodes, 1024UL, at, MPOL_F_ADDR));
	wl_check_eq(mode, want_mode);
	wl_check_eq(nodes[0], want_node);
}

int main(void)
{
	char *whole = wl_try(
		mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	char *part = wl_try(
		mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	char *shared =
		wl_try(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));

	set(whole, SIZE, MPOL_BIND, 1);
	set(part + 4 * PAGE, 4 * PAGE, MPOL_INTERLEAVE | MPOL_F_STATIC_NODES, 1);
	set(part + 8 * PAGE, 4 * PAGE, MPOL_PREFERRED, 1);
	set(shared, SIZE, MPOL_BIND, 1);
	wl_fill(whole, SIZE, 1);
	wl_fill(part, SIZE, 2);
	wl_fill(shared, SIZE, 3);
	wl_ready_and_wait();
	check(whole, MPOL_BIND, 1);
	check(whole + SIZE - 1, MPOL_BIND, 1);
	check(part, MPOL_DEFAULT, 0);
	check(part + 4 * PAGE, MPOL_INTERLEAVE | MPOL_F_STATIC_NODES, 1);
	check(part + 8 * PAGE, MPOL_PREFERRED, 1);
	check(part + 12 * PAGE, MPOL_DEFAULT, 0);
	check(shared, MPOL_BIND, 1);
	wl_check(wl_matches(whole, SIZE, 1) && wl_matches(part, SIZE, 2) &&
		 wl_matches(shared, SIZE, 3));
	wl_pass();
}
