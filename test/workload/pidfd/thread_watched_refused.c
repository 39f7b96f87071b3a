/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pidfd of a thread that is not its process' leader (PIDFD_THREAD) is refused where an epoll
 * watches it, which would go on with what stands for it until the thread is there.
 *
 * wl: areas pidfd-memfd-misc-fds
 * wl: flavours host
 * wl: needs kernel:6.9
 * wl: expect dump-refused an epoll watches it
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

static void stay(void *arg)
{
	(void)arg;
}

int main(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	pid_t tid = wl_actor_thread(stay, stay, NULL);

	int fd = wl_try(syscall(SYS_pidfd_open, tid, O_EXCL));
	wl_try(epoll_ctl(wl_try(epoll_create1(0)), EPOLL_CTL_ADD, fd, &event));
	wl_ready_and_wait();
	wl_actors_finish();
	wl_pass();
}
