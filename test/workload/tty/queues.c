/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits in pseudoterminals, both ways. Canonical mode: complete lines, one with a character
 * that was quoted, one that an end of file cut, an end of file alone, and a line that is not
 * complete yet. Raw mode: bytes that would mean something. Output that a master has not read,
 * newlines as they were translated. Read in the same pieces afterwards; nothing is echoed again.
 * More input than a line discipline holds: what is behind is looked at when it comes to it, so
 * an erased character is erased then.
 *
 * wl: areas tty
 * wl: lane tty
 * wl: crossing none CRIU keeps neither what is behind the first line nor quoted characters
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "workload.h"

struct pair {
	int master, slave;
};

static struct pair make(bool canonical)
{
	int off = 0;
	struct pair p;
	struct termios t;

	p.master = wl_try(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK));
	wl_try(ioctl(p.master, TIOCSPTLCK, &off));
	p.slave = wl_try(ioctl(p.master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK));
	wl_try(tcgetattr(p.slave, &t));
	if (!canonical)
		cfmakeraw(&t);
	t.c_lflag &= ~ECHO;
	wl_try(tcsetattr(p.slave, TCSANOW, &t));
	return p;
}

static void type(const struct pair *p, const char *text, size_t len)
{
	wl_check_eq(write(p->master, text, len), len);
}

static void expect(int fd, const char *text, size_t len)
{
	char buf[4096];

	wl_check_eq(read(fd, buf, sizeof(buf)), len);
	wl_check(!memcmp(buf, text, len));
}

static void expect_nothing(int fd)
{
	char byte;

	wl_check_eq(read(fd, &byte, 1), -1);
	wl_check_eq(errno, EAGAIN);
}

/* What was typed goes through the driver's buffers; a look from the other side flushes them. */
static void await_input(const struct pair *p, int bytes)
{
	int n = 0;

	for (int i = 0; i < 5000 && n != bytes; i++) {
		wl_try(ioctl(p->slave, FIONREAD, &n));
		wl_sleep_ms(1);
	}
	wl_check_eq(n, bytes);
}

/* Lines of 1000 bytes; behind those that a line discipline holds, one has a slip of the pen. */
static struct pair make_full_lines(void)
{
	struct pair p = make(true);
	char line[1001];

	memset(line, 'l', sizeof(line));
	line[999] = '\n';
	for (int i = 0; i < 8; i++)
		type(&p, line, 1000);
	type(&p, "slip\x7fp\x16\x03\ncut\x04rest", 17);
	await_input(&p, 4000);
	return p;
}

static void check_full_lines(const struct pair *p)
{
	char line[1000];

	memset(line, 'l', sizeof(line));
	line[999] = '\n';
	for (int i = 0; i < 8; i++)
		expect(p->slave, line, 1000);
	expect(p->slave, "slip\x03\n", 6);
	expect(p->slave, "cut", 3);
	expect_nothing(p->slave);
	type(p, "\n", 1);
	expect(p->slave, "rest\n", 5);
	expect_nothing(p->slave);
}

static struct pair make_full_bytes(void)
{
	struct pair p = make(false);
	char bytes[1000];

	for (int i = 0; i < 9; i++) {
		memset(bytes, i, sizeof(bytes));
		type(&p, bytes, sizeof(bytes));
	}
	await_input(&p, 4095);
	return p;
}

static void check_full_bytes(const struct pair *p)
{
	for (int i = 0; i < 9000; i++) {
		char byte;

		wl_check_eq(wl_try(read(p->slave, &byte, 1)), 1);
		wl_check_eq(byte, i / 1000);
	}
	expect_nothing(p->slave);
}

int main(void)
{
	static const char raw[] = "a\x03\x04\x16\x11\x13\r\n\x7f\0z";
	struct pair lines = make(true), bytes = make(false), output = make(true);
	struct pair full_lines = make_full_lines(), full_bytes = make_full_bytes();
	char long_text[3000];

	type(&lines, "first\n", 6);
	type(&lines, "a\x16\x03\x16\n", 5);
	type(&lines, "c\n", 2);
	type(&lines, "cut\x04", 4);
	type(&lines, "\x04", 1);
	type(&lines, "not comp", 8);
	await_input(&lines, 14);
	type(&bytes, raw, sizeof(raw));
	await_input(&bytes, sizeof(raw));
	memset(long_text, 'x', sizeof(long_text));
	for (int i = 0; i < 3; i++)
		wl_check_eq(write(output.slave, long_text, sizeof(long_text)), sizeof(long_text));
	wl_check_eq(write(output.slave, "end\n", 4), 4);
	wl_ready_and_wait();
	type(&lines, "lete\n", 5);
	wl_sleep_ms(50);
	expect_nothing(lines.master);
	expect(lines.slave, "first\n", 6);
	expect(lines.slave, "a\x03\nc\n", 5);
	expect(lines.slave, "cut", 3);
	expect(lines.slave, "", 0);
	expect(lines.slave, "not complete\n", 13);
	expect_nothing(lines.slave);
	expect(bytes.slave, raw, sizeof(raw));
	expect_nothing(bytes.slave);
	expect_nothing(bytes.master);
	check_full_lines(&full_lines);
	check_full_bytes(&full_bytes);
	for (size_t left = 9000; left;) {
		char buf[4096];
		ssize_t n = wl_try(read(output.master, buf, left < 4096 ? left : 4096));

		for (ssize_t i = 0; i < n; i++)
			wl_check_eq(buf[i], 'x');
		left -= n;
	}
	expect(output.master, "end\r\n", 5);
	expect_nothing(output.master);
	wl_pass();
}
