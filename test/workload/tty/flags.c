/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pseudoterminals with what few have: speeds that are no standard ones, locked bits of
 * termios, packet mode, both sides
 * exclusive, a lock that was never taken off, modes of the name for others.
 *
 * wl: areas tty
 * wl: lane tty
 * wl: crossing none CRIU keeps no such speeds, and locks bits before it sets them
 */
#define _GNU_SOURCE
#include <asm/termbits.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "workload.h"

static void check_state(int fd, unsigned long request, int want)
{
	int is = -1;

	wl_try(ioctl(fd, request, &is));
	wl_check_eq(is, want);
}

int main(void)
{
	int master = wl_try(open("/dev/ptmx", O_RDWR | O_NOCTTY)), off = 0, on = 1, locked, slave;
	struct termios locks = { .c_iflag = IXANY, .c_cc[VINTR] = 1 };
	struct termios2 t;
	char buf[8];

	wl_try(ioctl(master, TIOCSPTLCK, &off));
	slave = wl_try(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY));
	locked = wl_try(open("/dev/ptmx", O_RDWR | O_NOCTTY));
	wl_try(ioctl(slave, TCGETS2, &t));
	t.c_cflag = (t.c_cflag & ~(CBAUD | (CBAUD << IBSHIFT))) | BOTHER | (BOTHER << IBSHIFT);
	t.c_ispeed = 12345;
	t.c_ospeed = 54321;
	t.c_iflag |= IXANY;
	wl_try(ioctl(slave, TCSETS2, &t));
	wl_try(ioctl(slave, TIOCSLCKTRMIOS, &locks));
	wl_try(ioctl(master, TIOCPKT, &on));
	wl_try(ioctl(master, TIOCEXCL));
	wl_try(ioctl(slave, TIOCEXCL));
	wl_check_eq(write(slave, "ab", 2), 2);
	wl_ready_and_wait();
	wl_try(ioctl(slave, TCGETS2, &t));
	wl_check_eq(t.c_ispeed, 12345);
	wl_check_eq(t.c_ospeed, 54321);
	wl_check(t.c_iflag & IXANY);
	locks.c_iflag = locks.c_cc[VINTR] = 0;
	wl_try(ioctl(slave, TIOCGLCKTRMIOS, &locks));
	wl_check_eq(locks.c_iflag, IXANY);
	wl_check_eq(locks.c_cc[VINTR], 1);
	check_state(master, TIOCGPKT, 1);
	check_state(master, TIOCGEXCL, 1);
	check_state(slave, TIOCGEXCL, 1);
	check_state(master, TIOCGPTLCK, 0);
	check_state(locked, TIOCGPTLCK, 1);
	check_state(locked, TIOCGPKT, 0);
	wl_check_eq(ioctl(locked, TIOCGPTPEER, O_RDWR | O_NOCTTY), -1);
	wl_check_eq(errno, EIO);
	wl_check_eq(read(master, buf, sizeof(buf)), 3);
	wl_check_eq(buf[0], TIOCPKT_DATA);
	wl_check_eq(buf[2], 'b');
	wl_pass();
}
