/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A watch on a file that has been removed, and is open still, is refused.
 *
 * wl: areas fsnotify
 * wl: flavours host
 * wl: expect dump-refused has been removed
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	int fd = wl_try(inotify_init1(IN_NONBLOCK)),
	    file = wl_try(open("file", O_RDWR | O_CREAT, 0600));

	wl_try(inotify_add_watch(fd, "file", IN_CLOSE));
	wl_try(unlink("file"));
	wl_ready_and_wait();
	close(file);
	wl_pass();
}
