/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual console: what is set of it, two descriptions of different flags, one of them by a node
 * of the program's own.
 *
 * wl: areas tty
 * wl: lane tty
 * wl: needs vt
 * wl: crossing from CRIU sets no virtual console exclusive
 * wl: cycles 2
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "workload.h"

#define CONSOLE "/dev/tty60"

static void expect_link(int fd, const char *path)
{
	char link[64], text[256];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = wl_try(readlink(link, text, sizeof(text) - 1));
	text[n] = '\0';
	wl_check(strstr(text, path));
}

static void expect_console(int fd)
{
	struct stat st;

	wl_try(fstat(fd, &st));
	wl_check_eq(st.st_rdev, makedev(4, 60));
}

int main(void)
{
	struct termios was, is, locked, locked_is;
	int fd = wl_try(open(CONSOLE, O_RDWR | O_NOCTTY)), own, exclusive;

	wl_try(mknod("own", S_IFCHR | 0600, makedev(4, 60)));
	own = wl_try(open("own", O_RDONLY | O_NOCTTY | O_NONBLOCK));
	wl_try(tcgetattr(fd, &was));
	was.c_lflag &= ~(ECHO | ICANON);
	was.c_iflag |= IGNBRK | IXANY;
	was.c_cc[VINTR] = 'q';
	was.c_cc[VMIN] = 5;
	wl_try(tcsetattr(fd, TCSANOW, &was));
	wl_try(tcgetattr(fd, &was));
	memset(&locked, 0, sizeof(locked));
	locked.c_oflag = ONLRET;
	locked.c_lflag = TOSTOP;
	locked.c_cc[VSTART] = 1;
	wl_try(ioctl(fd, TIOCSLCKTRMIOS, &locked));
	wl_try(ioctl(fd, TIOCEXCL));
	wl_ready_and_wait();
	expect_console(fd);
	expect_console(own);
	expect_link(fd, CONSOLE);
	expect_link(own, "/own");
	wl_check_eq(wl_try(fcntl(fd, F_GETFL)) & (O_ACCMODE | O_NONBLOCK), O_RDWR);
	wl_check_eq(wl_try(fcntl(own, F_GETFL)) & (O_ACCMODE | O_NONBLOCK), O_RDONLY | O_NONBLOCK);
	wl_try(tcgetattr(fd, &is));
	wl_check_eq(is.c_iflag, was.c_iflag);
	wl_check_eq(is.c_oflag, was.c_oflag);
	wl_check_eq(is.c_cflag, was.c_cflag);
	wl_check_eq(is.c_lflag, was.c_lflag);
	wl_check(!memcmp(is.c_cc, was.c_cc, sizeof(is.c_cc)));
	memset(&locked_is, 0, sizeof(locked_is));
	wl_try(ioctl(fd, TIOCGLCKTRMIOS, &locked_is));
	wl_check_eq(locked_is.c_oflag, locked.c_oflag);
	wl_check_eq(locked_is.c_lflag, locked.c_lflag);
	wl_check_eq(locked_is.c_cc[VSTART], 1);
	wl_try(ioctl(fd, TIOCGEXCL, &exclusive));
	wl_check_eq(exclusive, 1);
	wl_check_eq(wl_try(write(fd, "\r", 1)), 1);
	memset(&locked, 0, sizeof(locked));
	wl_try(ioctl(fd, TIOCSLCKTRMIOS, &locked));
	wl_try(ioctl(fd, TIOCNXCL));
	wl_pass();
}
