/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terminals that are devices of the machine: virtual consoles (console_ioctl(2)), the console,
 * serial lines. A restore opens the device of the same name again, where that is the same device:
 * nothing is made, and others may have it open all the time. Kept: termios and their locks,
 * exclusive, the session that it controls. A window's size is set only where it is a mere number,
 * not the device's own. Not kept: what is on its screen, unread input, a serial line's modem lines.
 *
 * /dev/console stands for another device, whose number the sessions of processes show.
 *
 * Refused: a virtual console in graphics mode, whose switches a process handles, or whose keyboard
 * is not in a mode of characters: it is the display server's, and its card's state is in no
 * process.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kd.h>
#include <linux/major.h>
#include <linux/vt.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "objects/tty/tty.h"

#define CONSOLE		makedev(TTYAUX_MAJOR, 1)
#define FIRST_SERIAL	64   /* minor number with TTY_MAJOR */
#define CONSOLE_ID	2004 /* CRIU's ids of entries; others follow in steps of two */
#define VT_ID		2008
#define SERIAL_ID	2020
#define DEVICE_NAME_MAX 64

bool device_is_type(TtyType type)
{
	return type == TTY_TYPE__CONSOLE || type == TTY_TYPE__VT || type == TTY_TYPE__SERIAL;
}

/* --- dump -------------------------------------------------------------------------------------- */

static TtyType type_of(dev_t dev)
{
	if (dev == CONSOLE)
		return TTY_TYPE__CONSOLE;
	return major(dev) == TTY_MAJOR && minor(dev) < FIRST_SERIAL ? TTY_TYPE__VT
								    : TTY_TYPE__SERIAL;
}

/* "/dev/" and the name that the kernel gives it; NULL. */
static const char *node_of(struct arena *a, dev_t dev)
{
	char path[64], line[DEVICE_NAME_MAX + 16], name[DEVICE_NAME_MAX];
	_cleanup_file_ FILE *f = NULL;

	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/uevent", major(dev), minor(dev));
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "DEVNAME=%63s", name) == 1)
			return arena_printf(a, "/dev/%s", name);
	return NULL;
}

struct tty_out *device_find(struct dump *d, dev_t dev)
{
	return hash_get(&ttys_out(d)->by_device, dev);
}

/* Has it modes that only a display server sets? */
static bool is_display(int fd)
{
	struct vt_mode mode;
	int kd;

	return (ioctl(fd, KDGETMODE, &kd) == 0 && kd != KD_TEXT) ||
	       (ioctl(fd, VT_GETMODE, &mode) == 0 && mode.mode != VT_AUTO) ||
	       (ioctl(fd, KDGKBMODE, &kd) == 0 && kd != K_XLATE && kd != K_UNICODE);
}

static void judge(struct dump *d, struct tty_out *tty, int fd)
{
	if (tty->hung_up)
		task_refuse(tty->task, tty->object,
			    "is a terminal that was hung up, which no open gives again",
			    "have it closed before the dump");
	else if (is_display(fd))
		task_refuse(
			tty->task, tty->object,
			"is a virtual console in graphics mode, or one whose switches or keyboard "
			"the program handles itself",
			"dump the programs of the display, not its server");
	else if (tty->waiting)
		task_warn(tty->task, tty->object,
			  arena_printf(dump_arena(d),
				       "has %d bytes of unread input, which are not kept",
				       tty->waiting),
			  "");
}

/* The name that it was opened by, if that still leads to it. */
static const char *path_of(struct arena *a, const char *path, dev_t dev)
{
	struct stat st;

	if (path && stat(path, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == dev)
		return path;
	return node_of(a, dev);
}

static int fill(struct dump *d, struct tty_out *tty, int fd)
{
	tty->hung_up = tty_is_hung_up(fd);
	if (!tty->hung_up && ioctl(fd, FIONREAD, &tty->waiting) < 0)
		return err_sys(dump_err(d), "FIONREAD", "can't look at what waits in %s",
			       tty->object);
	judge(d, tty, fd);
	tty->waiting = 0;
	return tty->hung_up ? 0 : modes_collect(d, tty, fd);
}

int device_note(struct dump *d, struct dump_task *t, const struct device_source *from,
		struct tty_out **ret)
{
	struct arena *a = dump_arena(d);
	struct tty_out *tty = arena_new(a, struct tty_out);
	char key[TTY_KEY_SIZE];
	unsigned int real;

	*tty = (struct tty_out){ .e = arena_msg(a, TtyInfoEntry, tty_info_entry),
				 .task = t,
				 .fd = from->fd,
				 .object = from->object,
				 .device = true };
	tty->e->type = type_of(from->stat->st_rdev);
	tty->e->rdev = from->stat->st_rdev;
	tty->e->has_dev = tty->e->has_uid = tty->e->has_gid = true;
	tty->e->dev = from->stat->st_dev;
	tty->e->uid = from->stat->st_uid;
	tty->e->gid = from->stat->st_gid;
	if (options_external(d->s->opts, tty_key(tty->e, key)))
		tty->e->type = TTY_TYPE__EXT_TTY;
	tty_out_add(d, tty);
	hash_put(&ttys_out(d)->by_device, from->stat->st_rdev, tty);
	if (ioctl(from->local, TIOCGDEV, &real) == 0 &&
	    !hash_get(&ttys_out(d)->by_device, proc_tty_dev(real)))
		hash_put(&ttys_out(d)->by_device, proc_tty_dev(real), tty);
	tty_extra(d, tty)->path = (char *)path_of(a, from->path, tty->e->rdev);
	if (!tty->extra->path)
		task_refuse(t, tty->object, "is a device that no name leads to", "");
	*ret = tty;
	return fill(d, tty, from->local);
}

int device_note_session(struct dump_task *t, dev_t dev, struct tty_out **ret)
{
	struct arena *a = dump_arena(t->dump);
	const char *path = node_of(a, dev);
	_cleanup_fd_ int fd = -1;
	struct stat st;
	struct device_source from = { .fd = -1, .path = path, .stat = &st };

	*ret = NULL;
	if (path)
		fd = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_rdev != dev)
		return 0;
	from.local = fd;
	from.object = arena_printf(a, "its controlling terminal, %s", path);
	return device_note(t->dump, t, &from, ret);
}

void device_number(struct dump *d, struct tty_out *tty)
{
	uint32_t id = tty->e->type == TTY_TYPE__CONSOLE ? CONSOLE_ID
		      : tty->e->type == TTY_TYPE__VT	? VT_ID
							: SERIAL_ID;

	if (tty->e->id)
		return;
	if (ttys_out(d)->next_device_id < id)
		ttys_out(d)->next_device_id = id;
	tty_out_number(d, tty, &ttys_out(d)->next_device_id);
}

/* --- restore ----------------------------------------------------------------------------------- */

/* CRIU has one entry for all virtual consoles. */
static bool fits(const struct tty_in *tty, dev_t dev)
{
	return dev == tty->any->rdev || (!tty->path_is_own && tty->any->type == type_of(dev));
}

void device_check_path(struct restore *r, const struct tty_in *tty, const char *path)
{
	struct arena *a = restore_arena(r);
	const TtyInfoEntry *e = tty->any;
	struct stat st;

	if (stat(path, &st) == 0 && S_ISCHR(st.st_mode) && fits(tty, st.st_rdev))
		return;
	report_refuse(&r->s->report, 0, arena_printf(a, "terminal %s", path),
		      arena_printf(a, "is not the device %u:%u here", major(e->rdev),
				   minor(e->rdev)),
		      arena_printf(a,
				   "restore where there is such a device, or give another terminal "
				   "with --inherit-fd 'fd[N]:tty[%x:%x]'",
				   e->rdev, e->dev));
}

int device_open(const char *path, int flags)
{
	/* A serial line would wait for a carrier. */
	return open(path, flags | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
}

/* As it was before the restore. */
struct before {
	int fd;
	struct termios modes;
};

static void put_back_modes(void *data)
{
	const struct before *b = data;

	tcsetattr(b->fd, TCSANOW, &b->modes);
}

int device_make(struct restore *r, struct tty_in *tty)
{
	struct before *b = arena_new(restore_arena(r), struct before);
	int fd = tty->path ? device_open(tty->path, O_RDWR) : -1;

	if (!tty->path)
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "the images have no name of terminal %u", tty->any->id);
	if (fd < 0)
		return err_sys(restore_err(r), "open", "can't open the terminal %s", tty->path);
	tty->service = service_fd(r, fd);
	if (tty->service < 0)
		return tty->service;
	b->fd = tty->service;
	if (tcgetattr(b->fd, &b->modes) < 0)
		return err_sys(restore_err(r), "tcgetattr", "can't read the modes of %s",
			       tty->path);
	undo_push(&r->s->undo, put_back_modes, b);
	return modes_apply(r, tty->any, tty->service, tty->any->type == TTY_TYPE__SERIAL);
}
