/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session leader with two slaves, one of which controlled its session until its master was
 * closed: both hang, there is no controlling terminal, and no signal comes a second time. Another
 * terminal can be made the controlling one.
 *
 * wl: areas tty
 * wl: lane tty
 * wl: ignore links
 * wl: crossing none CRIU restores a dangling slave as one whose name is there
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "workload.h"

static volatile sig_atomic_t hangups;

static void count(int sig)
{
	(void)sig;
	hangups++;
}

static int new_pair(int slave[2])
{
	int fd = wl_try(open("/dev/ptmx", O_RDWR | O_NOCTTY)), off = 0;

	wl_try(ioctl(fd, TIOCSPTLCK, &off));
	for (int i = 0; i < 2; i++)
		slave[i] = wl_try(ioctl(fd, TIOCGPTPEER, O_RDWR | O_NOCTTY));
	return fd;
}

int main(void)
{
	int slave[2], next[2], master = new_pair(slave);
	char byte;

	signal(SIGHUP, count);
	wl_try(ioctl(slave[0], TIOCSCTTY, 0));
	close(master);
	wl_check_eq(hangups, 1);
	wl_check_eq(open("/dev/tty", O_RDWR), -1);
	wl_ready_and_wait();
	wl_check_eq(hangups, 1);
	for (int i = 0; i < 2; i++) {
		wl_check_eq(read(slave[i], &byte, 1), 0);
		wl_check_eq(ioctl(slave[i], TIOCSCTTY, 0), -1);
		wl_check_eq(errno, EIO);
		wl_check_eq(close(slave[i]), 0);
	}
	wl_check_eq(open("/dev/tty", O_RDWR), -1);
	wl_check_eq(errno, ENXIO);
	new_pair(next);
	wl_try(ioctl(next[0], TIOCSCTTY, 0));
	close(wl_try(open("/dev/tty", O_RDWR)));
	wl_pass();
}
