/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An inotify descriptor with a watch that is nothing but on its way in a socket: the watch could
 * not be given back, so the dump is refused. It goes on to tell of what happens.
 *
 * wl: areas unix-sockets fsnotify
 * wl: expect dump-refused is on its way in a unix socket, and has watches
 */
#define _GNU_SOURCE
#include "rights.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

int main(void)
{
	char buf[512];
	int pair[2], watch = wl_try(inotify_init1(IN_NONBLOCK));

	wl_try(mkdir("watched", 0700));
	wl_try(inotify_add_watch(watch, "watched", IN_CREATE));
	wl_try(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	un_send_fd(pair[0], "x", watch);
	wl_try(close(watch));
	wl_ready_and_wait();
	watch = un_receive_fd(pair[1], "x");
	wl_check(read(watch, buf, sizeof(buf)) < 0 && errno == EAGAIN);
	wl_try(close(wl_try(open("watched/new", O_CREAT | O_WRONLY, 0600))));
	wl_check(read(watch, buf, sizeof(buf)) > 0);
	wl_pass();
}
