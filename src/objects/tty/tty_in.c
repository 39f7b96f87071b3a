/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Terminals of a restore. The tool makes all pseudoterminals before it forks: each with its old
 * index, owner, modes, settings, and what waited in its queues. Tasks inherit the masters, and open
 * slaves through them.
 *
 * In place of a slave whose master is outside of the tree there is one that is given: by
 * --inherit-fd, or, with --shell-job, the tool's own terminal.
 *
 * An index is the lowest free one when a master is opened; so masters are opened, and held, until
 * the wanted index comes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "image/reader.h"
#include "objects/tty/tty.h"

#define INDEX_MAX (1u << 20)

struct ttys_in {
	struct hash current;  /* CRIU's entries of /dev/tty, by id */
	struct tty_in **ttys; /* by index, once they are sorted */
	size_t n;
	struct hash by_id, by_session, by_leader; /* by_id: half of it, which both sides share */
	pid_t tool_group;
	bool read, made, finished;
};

static struct ttys_in *ttys_of(struct restore *r)
{
	struct ttys_in *all = r->priv[SLOT_TTY];

	if (!all) {
		all = r->priv[SLOT_TTY] = arena_new(restore_arena(r), struct ttys_in);
		session_own_hash(r->s, &all->current);
		session_own_hash(r->s, &all->by_id);
		session_own_hash(r->s, &all->by_session);
		session_own_hash(r->s, &all->by_leader);
	}
	return all;
}

/* --- read -------------------------------------------------------------------------------------- */

/* By the id of either side. */
static struct tty_in *find_pair(const struct ttys_in *all, uint32_t id)
{
	return hash_get(&all->by_id, id / 2);
}

static void note_session(struct restore *r, struct tty_in *tty, uint32_t sid)
{
	struct ttys_in *all = ttys_of(r);

	if (!sid)
		return;
	tty->leader = hash_get(&r->task_by_pid, sid);
	if (!hash_get(&all->by_session, sid))
		hash_put(&all->by_session, sid, tty);
	if (tty->leader && !hash_get(&all->by_leader, tty->leader->vpid))
		hash_put(&all->by_leader, tty->leader->vpid, tty);
}

static int take_info(struct restore *r, TtyInfoEntry *e)
{
	struct ttys_in *all = ttys_of(r);
	struct tty_in *tty;
	TtyInfoEntry **side;

	if (e->type == TTY_TYPE__CTTY) {
		hash_put(&all->current, e->id, e);
		return 0;
	}
	if ((e->type != TTY_TYPE__PTY && e->type != TTY_TYPE__EXT_TTY &&
	     (!device_is_type(e->type) || e->pty || !e->termios)) ||
	    (e->type == TTY_TYPE__PTY &&
	     (!e->pty || e->pty->index >= INDEX_MAX || (e->pty->index != e->id / 2))))
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "tty-info.img: the entry of terminal %u makes no sense", e->id);
	tty = find_pair(all, e->id);
	if (!tty) {
		tty = arena_new(restore_arena(r), struct tty_in);
		*tty = (struct tty_in){ .any = e,
					.index = e->pty ? e->pty->index : 0,
					.device = device_is_type(e->type),
					.master_path = "/dev/ptmx",
					.master_flags = O_RDWR,
					.service = -1 };
		arena_push(restore_arena(r), all->ttys, all->n, tty);
		hash_put(&all->by_id, e->id / 2, tty);
	}
	side = e->id & 1 && e->pty ? &tty->master : &tty->slave;
	if (*side)
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "tty-info.img has two entries of terminal %u", e->id);
	*side = e;
	note_session(r, tty, e->sid);
	return modes_check(r, e);
}

static int read_infos(struct restore *r)
{
	TtyInfoEntry **entries;
	size_t n;
	int ret = image_read_all(r->s->images, IMAGE_TTY_INFO, 0, restore_arena(r), restore_err(r),
				 &entries, &n);

	for (size_t i = 0; ret == 0 && i < n; i++)
		ret = take_info(r, entries[i]);
	return ret;
}

static int read_queues(struct restore *r)
{
	TtyDataEntry **entries;
	size_t n;
	int ret;

	if (!image_dir_has(r->s->images, IMAGE_TTY_DATA, 0))
		return 0;
	ret = image_read_all(r->s->images, IMAGE_TTY_DATA, 0, restore_arena(r), restore_err(r),
			     &entries, &n);
	for (size_t i = 0; ret == 0 && i < n; i++) {
		struct tty_in *tty = find_pair(ttys_of(r), entries[i]->tty_id);

		if (!tty || tty->queue[entries[i]->tty_id & 1])
			return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
				       "tty-data.img: the contents of terminal %u belong to none",
				       entries[i]->tty_id);
		tty->queue[entries[i]->tty_id & 1] = entries[i];
	}
	return ret;
}

static int read_extras(struct restore *r)
{
	CrtoolsFileEntry **extra;
	size_t n;
	int ret = extras_read(r, &extra, &n);

	for (size_t i = 0; ret == 0 && i < n; i++) {
		CrtoolsTty *x = extra[i]->tty;
		struct tty_in *tty = x ? find_pair(ttys_of(r), x->id) : NULL;

		if (tty)
			tty->extra[x->id & 1] = x;
		if (tty && tty->device && x->path) {
			tty->path = x->path;
			tty->path_is_own = true;
		}
	}
	return ret;
}

static bool holds(const char *task, const char *fd, uint32_t index)
{
	char path[600], text[4096], link[64];
	ssize_t n;
	FILE *f;
	bool found = false;

	snprintf(path, sizeof(path), "/proc/%s/fd/%s", task, fd);
	n = readlink(path, link, sizeof(link) - 1);
	if (n <= 0)
		return false;
	link[n] = '\0';
	snprintf(text, sizeof(text), "/dev/pts/%u", index);
	if (!strcmp(link, text))
		return true;
	if (strcmp(link, "/dev/ptmx") && strcmp(link, "/dev/pts/ptmx"))
		return false;
	snprintf(path, sizeof(path), "/proc/%s/fdinfo/%s", task, fd);
	f = fopen(path, "re");
	while (f && !found && fgets(text, sizeof(text), f)) {
		unsigned int number;

		found = sscanf(text, "tty-index: %u", &number) == 1 && number == index;
	}
	if (f)
		fclose(f);
	return found;
}

/* Whoever has the index, for the report; 0: not found. */
static pid_t holder_of(uint32_t index)
{
	DIR *proc = opendir("/proc");
	struct dirent *task, *fd;
	pid_t found = 0;

	while (proc && !found && (task = readdir(proc))) {
		char path[300];
		DIR *fds;

		if (task->d_name[0] < '1' || task->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/fd", task->d_name);
		fds = opendir(path);
		while (fds && !found && (fd = readdir(fds)))
			if (fd->d_name[0] != '.' && holds(task->d_name, fd->d_name, index))
				found = atoi(task->d_name);
		if (fds)
			closedir(fds);
	}
	if (proc)
		closedir(proc);
	return found;
}

static void judge_index(struct restore *r, const struct tty_in *tty)
{
	struct arena *a = restore_arena(r);
	char path[32];
	struct stat st;
	pid_t holder;

	snprintf(path, sizeof(path), "/dev/pts/%u", tty->index);
	if (stat(path, &st) < 0)
		return;
	holder = holder_of(tty->index);
	report_refuse(&r->s->report, 0, arena_strdup(a, path),
		      holder ? arena_printf(a, "is in use by process %d", holder) : "is in use",
		      "end that program, or restore where the number is free");
}

/* Its number; -1. */
static int own_terminal(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (isatty(fd))
			return fd;
	return -1;
}

/* The slave's master is outside: what takes its place? */
static void judge_borrowed(struct restore *r, struct tty_in *tty)
{
	struct arena *a = restore_arena(r);
	char key[TTY_KEY_SIZE];
	const char *name = tty->any->pty ? arena_printf(a, "terminal /dev/pts/%u", tty->index)
					 : arena_printf(a, "terminal %s", tty_key(tty->any, key));

	tty->borrowed = true;
	tty->inherit = arena_strdup(a, tty_key(tty->any, key));
	tty->given = restore_inherit_fd(r, tty->inherit);
	if (tty->given >= 0)
		return;
	tty->given = own_terminal();
	if (!tty->any->pty || !r->s->opts->shell_job)
		report_refuse(&r->s->report, 0, name,
			      "has its other end, the master, outside of the tree",
			      arena_printf(a, "give --inherit-fd 'fd[N]:%s'%s", tty->inherit,
					   tty->any->pty ? ", or --shell-job to use crtools' own "
							   "terminal"
							 : ""));
	else if (tty->given < 0)
		report_refuse(&r->s->report, 0, name,
			      "is to be replaced by crtools' own terminal, which has none",
			      "run it in a terminal");
	tty->inherit = NULL;
}

static void judge(struct restore *r, struct tty_in *tty)
{
	bool hung_up = !tty->master && tty->any->pty && !tty->slave->termios;
	char key[TTY_KEY_SIZE];

	if (tty->device && restore_inherit_fd(r, tty_key(tty->any, key)) < 0) {
		if (tty->path)
			device_check_path(r, tty, tty->path);
		return;
	}
	if (tty->master || hung_up)
		judge_index(r, tty);
	else
		judge_borrowed(r, tty);
}

static int by_index(const void *a, const void *b)
{
	const struct tty_in *x = *(const struct tty_in *const *)a,
			    *y = *(const struct tty_in *const *)b;

	return x->index < y->index ? -1 : x->index > y->index;
}

int ttys_in_read(struct restore *r)
{
	struct ttys_in *all = ttys_of(r);
	int ret;

	if (all->read || !image_dir_has(r->s->images, IMAGE_TTY_INFO, 0))
		return 0;
	all->read = true;
	all->tool_group = getpgrp();
	ret = read_infos(r);
	if (ret == 0)
		ret = read_queues(r);
	if (ret == 0)
		ret = read_extras(r);
	if (ret < 0)
		return ret;
	if (all->n)
		qsort(all->ttys, all->n, sizeof(*all->ttys), by_index);
	for (size_t i = 0; i < all->n; i++)
		judge(r, all->ttys[i]);
	return 0;
}

struct tty_in *tty_in_of(struct restore *r, uint32_t info_id, const TtyInfoEntry **ret_info)
{
	const struct ttys_in *all = ttys_of(r);
	struct tty_in *tty = find_pair(all, info_id);
	const TtyInfoEntry *current = hash_get(&all->current, info_id);

	if (current) {
		*ret_info = current;
		return hash_get(&all->by_session, current->sid);
	}
	*ret_info = !tty ? NULL : info_id & 1 && tty->any->pty ? tty->master : tty->slave;
	return *ret_info ? tty : NULL;
}

struct tty_in *tty_in_led_by(const struct restore_task *t)
{
	return hash_get(&ttys_of(t->r)->by_leader, t->vpid);
}

struct tty_in *ttys_in_borrowed(const struct restore *r)
{
	const struct ttys_in *all = r->priv[SLOT_TTY];

	for (size_t i = 0; all && i < all->n; i++)
		if (all->ttys[i]->borrowed && !all->ttys[i]->inherit)
			return all->ttys[i];
	return NULL;
}

pid_t ttys_in_tool_group(const struct restore *r)
{
	const struct ttys_in *all = r->priv[SLOT_TTY];

	return all->tool_group;
}

/* --- make -------------------------------------------------------------------------------------- */

/* A terminal from outside, as it was. */
struct borrowed {
	int fd;
	struct termios modes;
};

/* Masters with lower indexes, held until all are there. */
struct held {
	int *fds;
	size_t n;
};

static int open_master(struct restore *r, struct tty_in *tty, struct held *held, int *ret_fd)
{
	int flags = (tty->master_flags & O_ACCMODE) | O_NOCTTY | O_CLOEXEC;

	for (;;) {
		_cleanup_fd_ int fd = open(tty->master_path, flags);
		unsigned int number;

		if (fd < 0 || ioctl(fd, TIOCGPTN, &number) < 0)
			return err_sys(restore_err(r), "open",
				       "can't make the pseudoterminal %u by %s", tty->index,
				       tty->master_path);
		if (number == tty->index) {
			*ret_fd = TAKE_FD(fd);
			return 0;
		}
		if (number > tty->index)
			return err_set(restore_err(r), ERR_RESOURCE, EBUSY,
				       "/dev/pts/%u is in use by another program by now",
				       tty->index);
		arena_push(restore_arena(r), held->fds, held->n, TAKE_FD(fd));
	}
}

static int give_to_owner(struct restore *r, const struct tty_in *tty)
{
	const CrtoolsTty *x = tty->extra[0] && tty->extra[0]->has_uid ? tty->extra[0]
								      : tty->extra[1];
	char path[32];
	int ret = 0;

	snprintf(path, sizeof(path), "/dev/pts/%u", tty->index);
	if (x && x->has_uid)
		ret = chown(path, x->uid, x->gid);
	else if (tty->slave && tty->slave->has_uid)
		ret = chown(path, tty->slave->uid, tty->slave->gid);
	if (ret == 0 && ((x && x->has_mode) || tty->node_mode))
		ret = chmod(path, x && x->has_mode ? x->mode : tty->node_mode);
	return ret < 0 ? err_sys(restore_err(r), "chown", "can't give %s to its owner", path) : 0;
}

static int make_pair(struct restore *r, struct tty_in *tty, struct held *held)
{
	const TtyInfoEntry *e = tty->slave && tty->slave->termios ? tty->slave : tty->any;
	_cleanup_fd_ int fd = -1;
	int off = 0, ret = open_master(r, tty, held, &fd);

	if (ret < 0)
		return ret;
	if (ioctl(fd, TIOCSPTLCK, &off) < 0)
		return err_sys(restore_err(r), "TIOCSPTLCK", "can't unlock the pseudoterminal %u",
			       tty->index);
	tty->service = service_fd(r, TAKE_FD(fd));
	ret = tty->service < 0 ? tty->service : give_to_owner(r, tty);
	if (ret == 0)
		ret = queues_fill(r, tty);
	if (ret == 0 && tty->extra[1] && tty->extra[1]->closed) {
		/* Once opened and closed, it tells so. */
		int slave = tty_open_slave(tty->service, O_RDWR | O_NONBLOCK);

		close_fd(&slave);
	}
	if (ret == 0)
		ret = modes_apply(r, e, tty->service, true);
	return ret < 0 ? ret : queues_stop(r, tty);
}

/* TIOCGPTPEER would leave O_CLOEXEC in the flags of the description. */
int tty_open_slave(int master, int flags)
{
	int fd = ioctl(master, TIOCGPTPEER, (flags & ~O_CLOEXEC) | O_NOCTTY);

	if (fd >= 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

int tty_in_open(const struct tty_in *tty, int flags)
{
	char path[32];

	if (tty->device && !tty->borrowed)
		return device_open(tty->path, flags);
	if (!tty->borrowed)
		return tty_open_slave(tty->service, flags);
	if (!isatty(tty->service))
		return fcntl(tty->service, F_DUPFD_CLOEXEC, 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", tty->service);
	return open(path, flags | O_NOCTTY | O_CLOEXEC);
}

static void put_back_modes(void *data)
{
	struct borrowed *b = data;

	tcsetattr(b->fd, TCSANOW, &b->modes);
	tty_take_back();
}

int ttys_in_open_given(const struct tty_in *tty)
{
	return fcntl(tty->given, F_DUPFD_CLOEXEC, 0);
}

/* The modes are the program's, the window's size is the terminal's. */
static int borrow(struct restore *r, struct tty_in *tty)
{
	struct borrowed *b = arena_new(restore_arena(r), struct borrowed);
	int from = tty->given, fd = ttys_in_open_given(tty), ret;

	if (fd < 0)
		return err_sys(restore_err(r), "fcntl", "can't use what is given for terminal %u",
			       tty->any->id);
	tty->service = service_fd(r, fd);
	if (tty->service < 0)
		return tty->service;
	if (!isatty(from))
		return 0;
	b->fd = from;
	if (tcgetattr(from, &b->modes) < 0)
		return err_sys(restore_err(r), "tcgetattr", "can't read the modes of a terminal");
	undo_push(&r->s->undo, put_back_modes, b);
	ret = queues_fill(r, tty);
	return ret < 0 ? ret : modes_apply(r, tty->any, tty->service, false);
}

static int make_one(struct restore *r, struct tty_in *tty, struct held *held)
{
	if (tty->borrowed)
		return borrow(r, tty);
	return tty->device ? device_make(r, tty) : make_pair(r, tty, held);
}

int ttys_in_make(struct restore *r)
{
	struct ttys_in *all = ttys_of(r);
	struct held held = { 0 };
	int ret = 0;

	if (all->made)
		return 0;
	all->made = true;
	for (size_t i = 0; ret == 0 && i < all->n; i++)
		ret = make_one(r, all->ttys[i], &held);
	for (size_t i = 0; i < held.n; i++)
		close(held.fds[i]);
	return ret;
}

/* The window is another one than the program has last asked for. */
static void tell_size(struct restore *r, const struct tty_in *tty)
{
	const WinsizeEntry *was = tty->any->winsize;
	struct winsize is;
	pid_t pgrp;

	if (!was || ioctl(tty->service, TIOCGWINSZ, &is) < 0 ||
	    (is.ws_row == was->ws_row && is.ws_col == was->ws_col &&
	     is.ws_xpixel == was->ws_xpixel && is.ws_ypixel == was->ws_ypixel))
		return;
	pgrp = ioctl(tty->service, TIOCGPGRP, &pgrp) < 0 ? 0 : pgrp;
	for (size_t i = 0; i < r->n_tasks; i++) {
		const struct restore_task *t = r->tasks[i];

		if (!t->zombie && !t->helper &&
		    (pid_t)t->pstree->pgid == (pgrp ? pgrp : (pid_t)tty->any->pgrp))
			kill(t->vpid, SIGWINCH);
	}
}

void ttys_in_finish(struct restore *r)
{
	struct ttys_in *all = ttys_of(r);

	for (size_t i = 0; !all->finished && i < all->n; i++) {
		if (all->ttys[i]->borrowed)
			tell_size(r, all->ttys[i]);
		close_fd(&all->ttys[i]->service);
	}
	all->finished = true;
}
