/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /dev/net/tun, open and not attached to a device: it still is none, and can become one.
 *
 * wl: areas pidfd-memfd-misc-fds
 * wl: lane tun
 * wl: crossing to
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "workload.h"

int main(void)
{
	struct ifreq req = { .ifr_name = "crtools-wl%d", .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = wl_try(open("/dev/net/tun", O_RDWR | O_NONBLOCK));
	struct wl_fd was;

	wl_fd_save(fd, &was);
	wl_ready_and_wait();
	wl_fd_check(fd, &was);
	wl_check(ioctl(fd, TUNGETIFF, &req) < 0);
	wl_check_eq(errno, EBADFD);
	wl_try(ioctl(fd, TUNSETIFF, &req));
	wl_pass();
}
