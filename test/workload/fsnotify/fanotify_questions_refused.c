/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A group that is asked for permission to open a file is refused: crtools could be one of those who
 * wait for an answer.
 *
 * wl: areas fsnotify
 * wl: flavours host
 * wl: expect dump-refused asks for permission
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	int fd = wl_try(fanotify_init(FAN_CLASS_CONTENT | FAN_NONBLOCK, O_RDONLY));

	wl_try(mknod("file", S_IFREG | 0600, 0));
	wl_try(fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, "file"));
	wl_ready_and_wait();
	wl_pass();
}
