/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is set of a terminal: termios with its locked bits, window size, exclusive, packet mode, the
 * lock of a new pseudoterminal. Kept: all of it, speeds that are no standard ones too. A master
 * shows and sets termios and window of its slave, so the slave need not be open for that.
 *
 * In the image, the control characters are four to a number, in the first five numbers of as many
 * as there are characters (CRIU copies the bytes).
 */
#include <asm/termbits.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "objects/tty/tty.h"

#define CC_COUNT (sizeof(((struct termios2 *)NULL)->c_cc))

static TermiosEntry *entry_of(struct arena *a, const struct termios2 *t)
{
	TermiosEntry *e = arena_msg(a, TermiosEntry, termios_entry);

	e->c_iflag = t->c_iflag;
	e->c_oflag = t->c_oflag;
	e->c_cflag = t->c_cflag;
	e->c_lflag = t->c_lflag;
	e->c_line = t->c_line;
	e->c_ispeed = t->c_ispeed;
	e->c_ospeed = t->c_ospeed;
	e->n_c_cc = CC_COUNT;
	e->c_cc = arena_array(a, uint32_t, CC_COUNT);
	memcpy(e->c_cc, t->c_cc, CC_COUNT);
	return e;
}

/* TIOCGLCKTRMIOS has the layout of TCGETS, without speeds. */
static int get_locked(int fd, struct termios2 *ret)
{
	struct termios old;

	*ret = (struct termios2){ 0 };
	if (ioctl(fd, TIOCGLCKTRMIOS, &old) < 0)
		return -1;
	memcpy(ret, &old, sizeof(old));
	return 0;
}

static int collect_flags(struct dump *d, struct tty_out *tty, int fd)
{
	int locked = 0, exclusive, packet = 0;

	if (ioctl(fd, TIOCGEXCL, &exclusive) < 0 ||
	    (tty->master &&
	     (ioctl(fd, TIOCGPTLCK, &locked) < 0 || ioctl(fd, TIOCGPKT, &packet) < 0)))
		return err_sys(dump_err(d), "ioctl", "can't read the state of %s", tty->object);
	tty->e->exclusive = exclusive;
	tty->e->locked = locked;
	tty->e->packet_mode = packet;
	return 0;
}

int modes_collect(struct dump *d, struct tty_out *tty, int fd)
{
	struct arena *a = dump_arena(d);
	struct termios2 t, locked;
	struct winsize size;
	int discipline, ret = collect_flags(d, tty, fd);

	if (ret < 0)
		return ret;
	if (ioctl(fd, TCGETS2, &t) < 0 || get_locked(fd, &locked) < 0 ||
	    ioctl(fd, TIOCGWINSZ, &size) < 0 || ioctl(fd, TIOCGETD, &discipline) < 0)
		return err_sys(dump_err(d), "ioctl", "can't read the settings of %s", tty->object);
	if (discipline || t.c_line)
		task_refuse(tty->task, tty->object,
			    arena_printf(a, "has the line discipline %d, whose state can't be read",
					 discipline ? discipline : t.c_line),
			    "set it back to N_TTY before the dump");
	tty->e->termios = entry_of(a, &t);
	tty->e->termios_locked = entry_of(a, &locked);
	tty->e->winsize = arena_msg(a, WinsizeEntry, winsize_entry);
	tty->e->winsize->ws_row = size.ws_row;
	tty->e->winsize->ws_col = size.ws_col;
	tty->e->winsize->ws_xpixel = size.ws_xpixel;
	tty->e->winsize->ws_ypixel = size.ws_ypixel;
	return 0;
}

const char *tty_key(const TtyInfoEntry *e, char buf[static TTY_KEY_SIZE])
{
	snprintf(buf, TTY_KEY_SIZE, "tty[%x:%x]", e->rdev, e->dev);
	return buf;
}

static bool termios_is_sane(const TermiosEntry *e)
{
	return !e || (e->n_c_cc * sizeof(*e->c_cc) >= CC_COUNT && !e->c_line);
}

int modes_check(struct restore *r, const TtyInfoEntry *e)
{
	const WinsizeEntry *w = e->winsize;

	if (termios_is_sane(e->termios) && termios_is_sane(e->termios_locked) &&
	    (!w || (w->ws_row <= UINT16_MAX && w->ws_col <= UINT16_MAX &&
		    w->ws_xpixel <= UINT16_MAX && w->ws_ypixel <= UINT16_MAX)))
		return 0;
	return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
		       "tty-info.img: the settings of terminal %u make no sense", e->id);
}

static struct termios2 termios_of(const TermiosEntry *e)
{
	struct termios2 t = { .c_iflag = e->c_iflag,
			      .c_oflag = e->c_oflag,
			      .c_cflag = e->c_cflag,
			      .c_lflag = e->c_lflag,
			      .c_ispeed = e->c_ispeed,
			      .c_ospeed = e->c_ospeed };

	memcpy(t.c_cc, e->c_cc, CC_COUNT);
	return t;
}

static bool is_zero(const struct termios2 *t)
{
	static const struct termios2 zero;

	return !memcmp(t, &zero, sizeof(zero));
}

static int apply_locked(struct restore *r, const TtyInfoEntry *e, int fd)
{
	struct termios2 t = termios_of(e->termios_locked);
	struct termios old;

	t.c_ispeed = t.c_ospeed = 0;
	if (is_zero(&t))
		return 0;
	memcpy(&old, &t, sizeof(old));
	if (ioctl(fd, TIOCSLCKTRMIOS, &old) == 0)
		return 0;
	return err_sys(restore_err(r), "TIOCSLCKTRMIOS",
		       "can't lock settings of terminal %u (that takes CAP_SYS_ADMIN)", e->id);
}

int modes_apply(struct restore *r, const TtyInfoEntry *e, int fd, bool size)
{
	if (e->termios) {
		struct termios2 t = termios_of(e->termios);

		if (ioctl(fd, TCSETS2, &t) < 0)
			return err_sys(restore_err(r), "TCSETS2",
				       "can't set the modes of terminal %u", e->id);
	}
	if (size && e->winsize) {
		struct winsize w = { e->winsize->ws_row, e->winsize->ws_col, e->winsize->ws_xpixel,
				     e->winsize->ws_ypixel };

		if (ioctl(fd, TIOCSWINSZ, &w) < 0)
			return err_sys(restore_err(r), "TIOCSWINSZ",
				       "can't set the window size of terminal %u", e->id);
	}
	return e->termios_locked ? apply_locked(r, e, fd) : 0;
}
