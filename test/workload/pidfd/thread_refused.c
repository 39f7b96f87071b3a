/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pidfd of a thread that is not its process' leader (PIDFD_THREAD) is refused.
 *
 * wl: areas pidfd-memfd-misc-fds
 * wl: flavours host user unpriv
 * wl: needs kernel:6.9
 * wl: expect dump-refused which is not its leader
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

static void set_up(void *arg)
{
	(void)arg;
}

int main(void)
{
	pid_t tid = wl_actor_thread(set_up, set_up, NULL);

	wl_try(syscall(SYS_pidfd_open, tid, O_EXCL));
	wl_ready_and_wait();
	wl_actors_finish();
	wl_pass();
}
