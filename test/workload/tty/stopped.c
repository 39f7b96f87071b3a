/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output that is stopped: by ^S, with nothing written, and with more written before than a line
 * discipline holds; by tcflow(3), where ^S is a character like others. It stays so, the same way
 * starts it again, and nothing is lost.
 *
 * wl: areas tty
 * wl: lane tty
 * wl: crossing none CRIU lets it go on
 * wl: cycles 2
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "workload.h"

#define WRITTEN 6000

struct pair {
	int master, slave;
};

static struct pair make(bool by_characters)
{
	int off = 0;
	struct pair p;
	struct termios t;

	p.master = wl_try(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK));
	wl_try(ioctl(p.master, TIOCSPTLCK, &off));
	p.slave = wl_try(ioctl(p.master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK));
	wl_try(tcgetattr(p.slave, &t));
	t.c_lflag &= ~ECHO;
	t.c_oflag &= ~OPOST;
	t.c_iflag = by_characters ? t.c_iflag | IXON : t.c_iflag & ~IXON;
	wl_try(tcsetattr(p.slave, TCSANOW, &t));
	return p;
}

static bool is_stopped(const struct pair *p)
{
	struct pollfd one = { .fd = p->slave, .events = POLLOUT };

	return !(wl_try(poll(&one, 1, 0)) && one.revents & POLLOUT);
}

/* What is typed goes through the driver's buffers. */
static void type(const struct pair *p, char c, bool stopped)
{
	wl_check_eq(wl_try(write(p->master, &c, 1)), 1);
	for (int i = 0; i < 5000 && is_stopped(p) != stopped; i++)
		wl_sleep_ms(1);
	wl_check_eq(is_stopped(p), stopped);
}

static void expect_stopped(const struct pair *p)
{
	wl_check(is_stopped(p));
	wl_check_eq(write(p->slave, "x", 1), -1);
	wl_check_eq(errno, EAGAIN);
}

static void expect_output(const struct pair *p, size_t left)
{
	char buf[4096];

	while (left) {
		ssize_t n = wl_try(read(p->master, buf, sizeof(buf)));

		for (ssize_t i = 0; i < n; i++)
			wl_check_eq(buf[i], 'w');
		wl_check((size_t)n <= left);
		left -= n;
	}
	wl_check_eq(read(p->master, buf, 1), -1);
	wl_check_eq(errno, EAGAIN);
}

static void expect_start(const struct pair *p)
{
	wl_check_eq(wl_try(write(p->slave, "w", 1)), 1);
	expect_output(p, 1);
}

int main(void)
{
	struct pair idle = make(true), full = make(true), by_call = make(false),
		    running = make(true);
	char text[WRITTEN];

	memset(text, 'w', sizeof(text));
	wl_check_eq(wl_try(write(full.slave, text, sizeof(text))), sizeof(text));
	type(&idle, 'S' & 0x1f, true);
	type(&full, 'S' & 0x1f, true);
	wl_try(tcflow(by_call.slave, TCOOFF));
	wl_ready_and_wait();
	expect_stopped(&idle);
	expect_stopped(&by_call);
	expect_output(&full, WRITTEN);
	expect_stopped(&full);
	type(&idle, 'Q' & 0x1f, false);
	type(&full, 'Q' & 0x1f, false);
	wl_try(tcflow(by_call.slave, TCOON));
	expect_start(&idle);
	expect_start(&full);
	expect_start(&by_call);
	expect_start(&running);
	wl_pass();
}
