/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pidfd of a thread that is not its process' leader (PIDFD_THREAD) is refused where a child has
 * the same description: it would be opened when only its own process is there.
 *
 * wl: areas pidfd-memfd-misc-fds
 * wl: flavours host user unpriv
 * wl: needs kernel:6.9
 * wl: expect dump-refused the descriptor is not that process' alone
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

static void stay(void *arg)
{
	(void)arg;
}

int main(void)
{
	pid_t tid = wl_actor_thread(stay, stay, NULL);

	wl_try(syscall(SYS_pidfd_open, tid, O_EXCL));
	wl_actor_fork(stay, stay, NULL);
	wl_ready_and_wait();
	wl_actors_finish();
	wl_pass();
}
