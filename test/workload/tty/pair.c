/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pair of a pseudoterminal in one task, the slave opened twice: the index, termios with locked
 * bits, window size, status flags, node owner and modes are as before, data goes both ways, and
 * closing the master hangs up.
 *
 * wl: areas tty
 * wl: lane tty
 * wl: cycles 2
 */
#define _GNU_SOURCE
#include <asm/termbits.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

struct set {
	struct termios2 modes;
	struct winsize size;
	unsigned int index;
};

static void look(int master, int slave, struct set *s)
{
	memset(s, 0, sizeof(*s));
	wl_try(ioctl(slave, TCGETS2, &s->modes));
	s->modes.c_ispeed = 0; /* follows the other one, at the next change: flags.c has it */
	wl_try(ioctl(slave, TIOCGWINSZ, &s->size));
	wl_try(ioctl(master, TIOCGPTN, &s->index));
}

static void set_up(int slave)
{
	struct winsize size = { 33, 77, 11, 12 };
	struct termios2 t;

	wl_try(ioctl(slave, TCGETS2, &t));
	t.c_lflag &= ~(ECHO | ICANON);
	t.c_iflag |= IXANY;
	t.c_cflag = (t.c_cflag & ~CBAUD) | B4800;
	t.c_cc[VINTR] = 7;
	t.c_cc[VMIN] = 3;
	wl_try(ioctl(slave, TCSETS2, &t));
	wl_try(ioctl(slave, TIOCSWINSZ, &size));
}

static void pass(int from, int to, const char *text)
{
	char buf[16] = "";

	wl_check_eq(write(from, text, strlen(text)), strlen(text));
	wl_check_eq(read(to, buf, sizeof(buf)), strlen(text));
	wl_check_text("what came through", buf, text);
}

int main(void)
{
	int master = wl_try(open("/dev/ptmx", O_RDWR | O_NOCTTY)), off = 0, slave, second;
	struct wl_fd state[3];
	struct set was, is;
	struct stat node;
	struct pollfd one;

	wl_try(ioctl(master, TIOCSPTLCK, &off));
	wl_try(ioctl(master, TIOCGPTN, &was.index));
	slave = wl_try(open(wl_format("/dev/pts/%u", was.index), O_RDWR | O_NOCTTY));
	second =
		wl_try(open(wl_format("/dev/pts/%u", was.index), O_RDONLY | O_NOCTTY | O_NONBLOCK));
	set_up(slave);
	look(master, slave, &was);
	wl_try(fchown(slave, 12, 34));
	wl_try(fchmod(slave, 0623));
	wl_fd_save(master, &state[0]);
	wl_fd_save(slave, &state[1]);
	wl_fd_save(second, &state[2]);
	wl_ready_and_wait();
	wl_fd_check(master, &state[0]);
	wl_fd_check(slave, &state[1]);
	wl_fd_check(second, &state[2]);
	look(master, slave, &is);
	wl_check_eq(is.modes.c_iflag, was.modes.c_iflag);
	wl_check_eq(is.modes.c_oflag, was.modes.c_oflag);
	wl_check_eq(is.modes.c_cflag, was.modes.c_cflag);
	wl_check_eq(is.modes.c_lflag, was.modes.c_lflag);
	wl_check_eq(is.modes.c_ospeed, was.modes.c_ospeed);
	wl_check(!memcmp(is.modes.c_cc, was.modes.c_cc, sizeof(is.modes.c_cc)));
	wl_check(!memcmp(&is.size, &was.size, sizeof(is.size)));
	wl_check_eq(is.index, was.index);
	wl_try(stat(wl_format("/dev/pts/%u", is.index), &node));
	wl_check_eq(node.st_mode & 07777, 0623);
	wl_check_eq(node.st_uid, 12);
	wl_check_eq(node.st_gid, 34);
	pass(master, slave, "three");
	pass(slave, master, "back");
	close(second);
	close(master);
	one = (struct pollfd){ slave, POLLIN, 0 };
	wl_check_eq(poll(&one, 1, 0), 1);
	wl_check(one.revents & POLLHUP);
	wl_pass();
}
