/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A watch on a file that has been removed, and that is mapped still, but of which no task has a
 * descriptor, is refused.
 *
 * wl: areas fsnotify
 * wl: flavours host
 * wl: expect dump-refused has been removed
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	int fd = wl_try(inotify_init1(IN_NONBLOCK)),
	    file = wl_try(open("file", O_RDWR | O_CREAT, 0600));

	wl_try(inotify_add_watch(fd, "file", IN_CLOSE));
	wl_try(unlink("file"));
	wl_try(mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0));
	close(file);
	wl_ready_and_wait();
	wl_pass();
}
