/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unread events of a group that may be asked for permission: who has made them may wait for an
 * answer, so the dump is refused.
 *
 * wl: areas fsnotify
 * wl: flavours host
 * wl: expect dump-refused 1 events that nobody has read, and others may wait
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/fanotify.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	int fd = wl_try(fanotify_init(FAN_CLASS_CONTENT | FAN_NONBLOCK, O_RDONLY));
	struct fanotify_event_metadata e;

	wl_write_file("file", "");
	wl_try(fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, "file"));
	close(wl_try(open("file", O_RDONLY)));
	wl_ready_and_wait();
	wl_check_eq(read(fd, &e, sizeof(e)), sizeof(e));
	wl_check_eq(e.mask, FAN_OPEN);
	wl_pass();
}
