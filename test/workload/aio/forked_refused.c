/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fork gives the child the mapping of a ring, and not the context: refused, and the parent's
 * context goes on unharmed.
 *
 *	wl: areas  aio-uring-bpf
 *	wl: needs  aio-inherited
 *	wl: expect dump-refused is the ring of an AIO context of another process
 */
#define _GNU_SOURCE
#include "workload.h"

#include <linux/aio_abi.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	aio_context_t id = 0;
	pid_t child;

	wl_try(syscall(SYS_io_setup, 4, &id));
	child = wl_fork_awaited();
	if (!child) {
		wl_check(syscall(SYS_io_getevents, id, 0, 0, NULL, NULL) < 0 && errno == EINVAL);
		wl_child_wait();
		wl_pass();
	}
	wl_ready_and_wait();
	wl_finish(child);
	wl_check_eq(wl_try(syscall(SYS_io_getevents, id, 0, 0, NULL, NULL)), 0);
	wl_try(syscall(SYS_io_destroy, id));
	wl_pass();
}
