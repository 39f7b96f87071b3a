/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A descriptor of a network namespace that no process is in any more, and which it keeps alive.
 *
 * wl: areas pidfd-memfd-misc-fds
 * wl: expect dump-refused is a descriptor of a net namespace that the tree is not in
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	int own = wl_try(open("/proc/self/ns/net", O_RDONLY)), other;

	wl_try(unshare(CLONE_NEWNET));
	other = wl_try(open("/proc/self/ns/net", O_RDONLY));
	wl_try(setns(own, CLONE_NEWNET));
	wl_ready_and_wait();
	wl_try(setns(other, CLONE_NEWNET));
	wl_pass();
}
