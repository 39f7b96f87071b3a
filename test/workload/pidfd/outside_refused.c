/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pidfd of a process outside of the tree, here of the parent, is refused.
 *
 * wl: areas pidfd-memfd-misc-fds
 * wl: flavours host user unpriv
 * wl: expect dump-refused outside of the tree
 */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	wl_try(syscall(SYS_pidfd_open, getppid(), 0));
	wl_ready_and_wait();
	wl_pass();
}
