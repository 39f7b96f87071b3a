/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two descriptions of a slave whose master was closed; and a master whose slave was closed, beside
 * one whose slave was never opened. Reads, polls and settings fail in the same ways afterwards, and
 * no signal comes.
 *
 * wl: areas tty
 * wl: lane tty
 * wl: ignore links
 * wl: crossing none CRIU does not tell a slave that was closed from one that was never opened
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "workload.h"

static int new_master(char **ret_name)
{
	int fd = wl_try(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK)), off = 0;
	unsigned int index;

	wl_try(ioctl(fd, TIOCSPTLCK, &off));
	wl_try(ioctl(fd, TIOCGPTN, &index));
	*ret_name = wl_format("/dev/pts/%u", index);
	return fd;
}

static int events(int fd)
{
	struct pollfd one = { fd, POLLIN | POLLOUT, 0 };

	wl_try(poll(&one, 1, 0));
	return one.revents;
}

static void check_dangling(int fd)
{
	struct termios t;
	char byte;

	wl_check_eq(read(fd, &byte, 1), 0);
	wl_check_eq(write(fd, "x", 1), -1);
	wl_check_eq(errno, EIO);
	wl_check_eq(tcgetattr(fd, &t), -1);
	wl_check_eq(errno, EIO);
	wl_check(events(fd) & POLLHUP);
}

int main(void)
{
	char *name, byte;
	int master = new_master(&name), slave[2], closed, fresh;

	signal(SIGHUP, SIG_DFL);
	slave[0] = wl_try(open(name, O_RDWR | O_NOCTTY));
	slave[1] = wl_try(open(name, O_RDONLY | O_NOCTTY));
	close(master);
	check_dangling(slave[0]);
	closed = new_master(&name);
	close(wl_try(open(name, O_RDWR | O_NOCTTY)));
	fresh = new_master(&name);
	wl_check_eq(events(closed), POLLHUP | POLLOUT);
	wl_check_eq(events(fresh), POLLOUT);
	wl_ready_and_wait();
	check_dangling(slave[0]);
	wl_check_eq(read(slave[1], &byte, 1), 0);
	wl_check_eq(events(closed), POLLHUP | POLLOUT);
	wl_check_eq(read(closed, &byte, 1), -1);
	wl_check_eq(errno, EIO);
	wl_check_eq(events(fresh), POLLOUT);
	wl_check_eq(read(fresh, &byte, 1), -1);
	wl_check_eq(errno, EAGAIN);
	wl_check_eq(close(slave[0]), 0);
	wl_check_eq(close(slave[1]), 0);
	wl_pass();
}
