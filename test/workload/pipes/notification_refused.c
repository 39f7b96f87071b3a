/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A notification pipe (O_NOTIFICATION_PIPE): refused by name, and it goes on. What tells it from
 * others, a change of size that the kernel refuses, leaves the sizes of ordinary pipes as they are:
 * pipes/sizes.
 *
 * wl: areas pipes
 * wl: needs watch_queue
 * wl: expect dump-refused is a notification pipe
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "workload.h"

#define NOTIFICATION_PIPE O_EXCL	 /* linux/watch_queue.h, which not all have */
#define SET_SIZE	  _IO('W', 0x60) /* IOC_WATCH_QUEUE_SET_SIZE */

int main(void)
{
	int ends[2];

	wl_try(pipe2(ends, NOTIFICATION_PIPE));
	wl_try(ioctl(ends[0], SET_SIZE, 16));
	wl_ready_and_wait();
	wl_check(write(ends[1], "x", 1) < 0 && errno == EXDEV);
	wl_pass();
}
