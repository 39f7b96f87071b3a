/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A read that the library does in the background (aio_read of POSIX, by a thread of its own) waits
 * at a connection, in a child: what the parent writes after the restore ends it, with its size and
 * without an error.
 *
 * wl: areas aio-uring-bpf tcp
 * wl: flavours host user
 * wl: cycles 2
 * wl: both --tcp-established --network-lock nftables
 */
#include <aio.h>
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../tcp/tcp.h"

#define SIZE 1024

static int read_in_background(int fd)
{
	static char buf[SIZE];
	struct aiocb cb = { .aio_fildes = fd, .aio_buf = buf, .aio_nbytes = SIZE };
	const struct aiocb *list[] = { &cb };

	wl_try(aio_read(&cb));
	wl_check_eq(aio_error(&cb), EINPROGRESS);
	wl_child_ready();
	while (aio_error(&cb) == EINPROGRESS)
		if (aio_suspend(list, 1, NULL) < 0 && errno != EINTR)
			wl_pfail("aio_suspend");
	wl_check_eq(aio_error(&cb), 0);
	wl_check_eq(aio_return(&cb), SIZE);
	wl_check(wl_matches(buf, SIZE, 7));
	return 0;
}

int main(void)
{
	struct tcp_pair p = tcp_connect(&tcp_kinds[0]);
	pid_t pid = wl_fork_awaited();
	char buf[SIZE];

	if (!pid) {
		close(p.client);
		_exit(read_in_background(p.server));
	}
	close(p.server);
	wl_ready_and_wait();
	wl_fill(buf, SIZE, 7);
	wl_check_eq(write(p.client, buf, SIZE), SIZE);
	wl_reap(pid);
	wl_pass();
}
