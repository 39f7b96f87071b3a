/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session leader with master and slave at high numbers, and a descriptor of /dev/tty. Ten lines
 * wait; the slave reads them, /dev/tty reads more, and still has that name. No SIGHUP comes but
 * one, when the master is closed.
 *
 * wl: areas tty
 * wl: lane tty
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "workload.h"

static volatile sig_atomic_t hangups;

static void count(int sig)
{
	(void)sig;
	hangups++;
}

static void expect_line(int fd, const char *want)
{
	char buf[64] = "";

	wl_check_eq(read(fd, buf, sizeof(buf) - 1), strlen(want));
	wl_check_text("the line", buf, want);
}

int main(void)
{
	int master = wl_move_fd(wl_try(open("/dev/ptmx", O_RDWR | O_NOCTTY)), 101), off = 0;
	int slave, alias, waiting = 0;
	char link[64] = "";
	unsigned int index;
	pid_t sid;

	signal(SIGHUP, count);
	wl_try(ioctl(master, TIOCSPTLCK, &off));
	wl_try(ioctl(master, TIOCGPTN, &index));
	slave = wl_move_fd(wl_try(open(wl_format("/dev/pts/%u", index), O_RDWR | O_NOCTTY)), 102);
	wl_try(ioctl(slave, TIOCSCTTY, 0));
	alias = wl_try(open("/dev/tty", O_RDWR));
	for (int i = 0; i < 10; i++)
		wl_check_eq(write(master, "line\n", 5), 5);
	while (waiting < 50)
		wl_try(ioctl(slave, FIONREAD, &waiting));
	wl_ready_and_wait();
	for (int i = 0; i < 10; i++)
		expect_line(slave, "line\n");
	wl_check_eq(write(master, "more\n", 5), 5);
	expect_line(alias, "more\n");
	wl_try(readlink(wl_format("/proc/self/fd/%d", alias), link, sizeof(link) - 1));
	wl_check_text("the name", link, "/dev/tty");
	wl_try(ioctl(alias, TIOCGSID, &sid));
	wl_check_eq(sid, getpid());
	wl_check_eq(hangups, 0);
	close(master);
	wl_check_eq(hangups, 1);
	wl_pass();
}
