/* SPDX-License-Identifier: Apache-2.0 */
/* A listener outside of the tree, whose backlog is full until the file "go" is there. */
#ifndef TCP_OUTSIDE_H
#define TCP_OUTSIDE_H

#include "tcp.h"

#include <stdio.h>

static inline void outside_await(const char *name)
{
	while (access(name, F_OK) < 0)
		wl_sleep_ms(2);
}

static inline void outside_serve(int listener)
{
	int server = wl_try(accept(listener, NULL, NULL));
	char buf[100];

	wl_check_eq(recv(server, buf, sizeof(buf), MSG_WAITALL), sizeof(buf));
	wl_check_eq(send(server, buf, sizeof(buf), 0), sizeof(buf));
	wl_try(close(server));
}

/* Takes one connection and leaves no room; later sends another its 100 bytes back. */
static inline _Noreturn void outside_run(void)
{
	int listener = in_bound(AF_INET, SOCK_STREAM, 0), first;

	alarm(50);
	wl_try(listen(listener, 0));
	first = in_connected(listener);
	wl_write_file("port.new", wl_format("%d\n", ntohs(in_name(listener).v4.sin_port)));
	wl_try(rename("port.new", "port"));
	outside_await("go");
	wl_try(close(wl_try(accept(listener, NULL, NULL))));
	close(first);
	outside_serve(listener);
	_exit(0);
}

/* Not a child of ours, and in no session of ours. Returns its port. */
static inline int outside_start(void)
{
	pid_t pid = wl_fork();

	if (!pid) {
		wl_try(setsid());
		if (!wl_fork())
			outside_run();
		_exit(0);
	}
	wl_reap(pid);
	outside_await("port");
	return atoi(wl_read_file("port"));
}

#endif
