/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fanotify descriptor with a mark that is nothing but on its way in a socket: the mark could not
 * be given back, so the dump is refused. It goes on to tell of what happens.
 *
 * wl: areas unix-sockets fsnotify
 * wl: needs root
 * wl: expect dump-refused is on its way in a unix socket, and has watches
 */
#define _GNU_SOURCE
#include "../unix/rights.h"

#include <fcntl.h>
#include <sys/fanotify.h>
#include <sys/stat.h>

int main(void)
{
	char buf[512];
	int pair[2];
	int group = wl_try(fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK, O_RDONLY));

	wl_try(mkdir("watched", 0700));
	wl_try(fanotify_mark(group, FAN_MARK_ADD, FAN_CLOSE_WRITE | FAN_EVENT_ON_CHILD, AT_FDCWD,
			     "watched"));
	wl_try(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	un_send_fd(pair[0], "x", group);
	wl_try(close(group));
	wl_ready_and_wait();
	group = un_receive_fd(pair[1], "x");
	wl_check(read(group, buf, sizeof(buf)) < 0 && errno == EAGAIN);
	wl_try(close(wl_try(open("watched/new", O_CREAT | O_WRONLY, 0600))));
	wl_check(read(group, buf, sizeof(buf)) > 0);
	wl_pass();
}
