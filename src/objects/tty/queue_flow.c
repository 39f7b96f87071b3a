/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slave's input has passed the line discipline: it is put back, and in at a restore, by TIOCSTI
 * with all of its translations off. In canonical mode the reads of complete lines tell where lines
 * end, and by what; the line that is not complete yet shows only with ICANON off, which makes one
 * line of all: so complete ones are taken out before. Characters that mean something are quoted
 * (VLNEXT) when they come back.
 *
 * The master's comes back by TIOCSTI as well, as much as the line discipline holds; the rest was
 * in the driver's buffers, and is written by the slave without OPOST.
 *
 * A line discipline holds 4095 characters. What came behind them was not looked at by it yet, and
 * waits in the driver's buffers: it is written by the master when the line discipline is full again.
 *
 * TIOCSTI takes CAP_SYS_ADMIN.
 */
#include "objects/tty/queue_flow.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define QUOTE 0x16 /* ^V */
static bool is_canonical(const struct termios2 *t)
{
	return t->c_lflag & ICANON && !(t->c_lflag & EXTPROC);
}

static int push_byte(int fd, unsigned char c)
{
	return ioctl(fd, TIOCSTI, &c) < 0 ? -errno : 0;
}

/* --- put ---------------------------------------------------------------------------------------- */

/* How much of it the line discipline holds; what is behind has no lines yet. A line that is not
 * complete has all of its characters, and those for which there is no room are lost. */
static uint32_t held_by_discipline(bool canonical, uint32_t len, const uint32_t *line,
				   size_t *n_lines)
{
	uint32_t slots = 0, at = 0;
	size_t i;

	if (canonical && !*n_lines)
		return len;
	for (i = 0; i < *n_lines; i++) {
		uint32_t n = line[i] & ~LINE_EOF, need = n + !!(line[i] & LINE_EOF);

		if (need > ROOM - slots || n > len - at)
			break;
		slots += need;
		at += n;
	}
	*n_lines = i;
	return len - at > ROOM - slots ? at + ROOM - slots : len;
}

static int push_quoted(int fd, unsigned char c)
{
	int ret = push_byte(fd, QUOTE);

	return ret < 0 ? ret : push_byte(fd, c);
}

/* Modes in which nothing but lines means anything. */
static int plain_modes(int fd, const struct termios2 *t)
{
	struct termios2 plain = *t;

	plain.c_iflag = 0;
	plain.c_lflag = (t->c_lflag & (ICANON | EXTPROC)) | (is_canonical(t) ? IEXTEN : 0);
	plain.c_cc[VLNEXT] = QUOTE;
	plain.c_cc[VERASE] = plain.c_cc[VKILL] = plain.c_cc[VWERASE] = plain.c_cc[VREPRINT] = 0;
	return ioctl(fd, TCSETS2, &plain) < 0 ? -errno : 0;
}

static int push_line(int fd, const struct termios2 *t, const unsigned char *data, uint32_t len,
		     bool eof)
{
	uint32_t quoted = eof || !len ? len : len - 1;
	int ret = 0;

	for (uint32_t i = 0; ret == 0 && i < quoted; i++)
		ret = push_quoted(fd, data[i]);
	if (ret == 0 && eof)
		ret = push_byte(fd, t->c_cc[VEOF]);
	else if (ret == 0 && len)
		ret = push_byte(fd, data[len - 1]);
	return ret;
}

static int put_lines(int fd, const struct termios2 *t, const unsigned char *data, uint32_t len,
		     const uint32_t *line, size_t n_lines)
{
	uint32_t at = 0;
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < n_lines; i++) {
		uint32_t n = line[i] & ~LINE_EOF;

		if (n > len - at)
			return -EBADMSG;
		ret = push_line(fd, t, data + at, n, line[i] & LINE_EOF);
		at += n;
	}
	for (; ret == 0 && at < len; at++)
		ret = push_quoted(fd, data[at]);
	return ret;
}

/* Is its output stopped? A slave whose master has nothing to read can be written to, else. */
bool queue_is_stopped(int slave)
{
	struct pollfd one = { .fd = slave, .events = POLLOUT };

	return slave >= 0 && poll(&one, 1, 0) >= 0 && !(one.revents & (POLLOUT | POLLHUP));
}

/* As ^S does, which ^Q undoes; where that character does nothing, it was tcflow(3). */
int queue_stop_output(int slave)
{
	struct termios2 t;

	if (ioctl(slave, TCGETS2, &t) < 0)
		return -errno;
	if (t.c_iflag & IXON && t.c_cc[VSTOP])
		return push_byte(slave, t.c_cc[VSTOP]);
	return ioctl(slave, TCXONC, TCOOFF) < 0 ? -errno : 0;
}

static int write_all(int fd, const unsigned char *data, uint32_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			data += n;
			len -= n;
		}
	}
	return 0;
}

/* t: as it is to be in the end; master: -1 if it is outside of the tree: how much there was no room
 * for is returned then. Or -errno. */
int queue_put_input(int fd, int master, const struct termios2 *t, const unsigned char *data,
		    uint32_t len, const uint32_t *line, size_t n_lines)
{
	uint32_t first = held_by_discipline(is_canonical(t), len, line, &n_lines);
	int ret = plain_modes(fd, t), back;

	if (ret == 0 && is_canonical(t))
		ret = put_lines(fd, t, data, first, line, n_lines);
	for (uint32_t i = 0; ret == 0 && !is_canonical(t) && i < first; i++)
		ret = push_byte(fd, data[i]);
	if (ret == 0 && first < len)
		ret = master < 0 ? (int)(len - first)
				 : write_all(master, data + first, len - first);
	back = ioctl(fd, TCSETS2, t) < 0 ? -errno : 0;
	return back < 0 && ret >= 0 ? back : ret;
}

/* In modes that let it go on where it was stopped by a character. */
static int write_plain(int slave, const unsigned char *data, uint32_t len)
{
	struct termios2 was, plain;
	int ret, back;

	if (ioctl(slave, TCGETS2, &was) < 0)
		return -errno;
	plain = was;
	plain.c_oflag &= ~OPOST;
	plain.c_iflag &= ~IXON;
	if (ioctl(slave, TCSETS2, &plain) < 0)
		return -errno;
	ret = write_all(slave, data, len);
	back = ioctl(slave, TCSETS2, &was) < 0 ? -errno : 0;
	return ret < 0 ? ret : back;
}

/* slave: a description that does not wait; stopped: it is, and stays so. */
int queue_put_output(int master, int slave, bool stopped, const unsigned char *data, uint32_t len)
{
	uint32_t first = len < ROOM ? len : ROOM;
	int ret = 0, back;

	for (uint32_t i = 0; ret == 0 && i < first; i++)
		ret = push_byte(master, data[i]);
	if (ret < 0 || first == len)
		return ret;
	if (stopped && ioctl(slave, TCXONC, TCOON) < 0)
		return -errno;
	ret = write_plain(slave, data + first, len - first);
	back = stopped ? queue_stop_output(slave) : 0;
	return ret < 0 ? ret : back;
}

/* --- take: in the helping process ----------------------------------------------------------------
 */

static ssize_t take(int fd, struct queue *q, bool wait_free)
{
	struct pollfd one = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (q->len == BYTES_MAX)
		return -ENOBUFS;
	if (!wait_free && (poll(&one, 1, 0) <= 0 || !(one.revents & POLLIN)))
		return -EAGAIN;
	n = read(fd, q->data + q->len, BYTES_MAX - q->len);
	if (n < 0)
		return errno == EIO ? -EAGAIN : -errno; /* nobody has the other end open */
	q->len += n;
	return n;
}

static bool ends_line(const struct queue *q, const struct termios2 *t, ssize_t n)
{
	unsigned char last = n ? q->data[q->len - 1] : 0;

	return n && (last == '\n' || (last && (last == t->c_cc[VEOL] || last == t->c_cc[VEOL2])));
}

/* What comes from the driver's buffers meanwhile stays what it is. */
static int calm_modes(int fd, const struct termios2 *t)
{
	struct termios2 calm = *t;

	calm.c_iflag = 0;
	calm.c_lflag = t->c_lflag & (ICANON | EXTPROC);
	if (is_canonical(t))
		calm.c_cc[VEOF] = calm.c_cc[VEOL] = calm.c_cc[VEOL2] = calm.c_cc[VERASE] =
			calm.c_cc[VKILL] = 0;
	return ioctl(fd, TCSETS2, &calm) < 0 ? -errno : 0;
}

static int take_lines(int fd, const struct termios2 *t, struct queue *q)
{
	struct termios2 raw;
	ssize_t n;

	while ((n = take(fd, q, true)) >= 0) {
		if (q->n_lines == LINES_MAX)
			return -ENOBUFS;
		q->line[q->n_lines++] = n | (ends_line(q, t, n) ? 0 : LINE_EOF);
	}
	if (n != -EAGAIN)
		return n;
	if (ioctl(fd, TCGETS2, &raw) < 0)
		return -errno;
	raw.c_lflag &= ~ICANON;
	if (ioctl(fd, TCSETS2, &raw) < 0)
		return -errno;
	return 0;
}

/* What is there is read, and nothing else: the whole tree stands still. Modes are left alone where
 * there is nothing: a master in packet mode is told of some. */
int queue_take_input(int fd, int master, struct queue *q)
{
	int ret = 0, back, bytes;
	struct termios2 t;
	ssize_t n;

	if (ioctl(fd, TCGETS2, &t) < 0 || ioctl(fd, FIONREAD, &bytes) < 0)
		return -errno;
	if (bytes)
		ret = calm_modes(fd, &t);
	if (ret == 0 && is_canonical(&t))
		ret = take_lines(fd, &t, q);
	while (ret == 0 && (n = take(fd, q, true)) != -EAGAIN)
		ret = n < 0 ? n : 0;
	if (q->len || q->n_lines)
		back = queue_put_input(fd, master, &t, q->data, q->len, q->line, q->n_lines);
	else
		back = ioctl(fd, TCSETS2, &t) < 0 ? -errno : 0;
	return ret < 0 ? ret : back;
}

int queue_take_output(int fd, int slave, bool packet, struct queue *q)
{
	int on = 1, off = 0, ret = 0, back;
	ssize_t n;

	if (packet && ioctl(fd, TIOCPKT, &off) < 0)
		return -errno;
	while (ret == 0 && (n = take(fd, q, false)) != -EAGAIN)
		ret = n < 0 ? n : 0;
	q->stopped = queue_is_stopped(slave);
	back = queue_put_output(fd, slave, q->stopped, q->data, q->len);
	if (packet && ioctl(fd, TIOCPKT, &on) < 0 && back == 0)
		back = -errno;
	return ret < 0 ? ret : back;
}
