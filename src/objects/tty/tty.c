/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptions of pseudoterminals. A master has one description (opening /dev/ptmx makes a new
 * pair), a slave any number, and each may be shared by dup and fork. What both sides have in common
 * is kept once a terminal (tty_in.c); here is what a description has of its own: status flags, the
 * owner of its signals, the name it was opened by.
 *
 * /dev/tty leads to the controlling terminal of whoever opens it: such a description is opened
 * when sessions have theirs, by the same name.
 *
 * A terminal whose master was closed is hung up: nothing can be asked of it any more, and nothing
 * but that is kept.
 */
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/major.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "image/writer.h"
#include "objects/tty/tty.h"

#define PTMX	     makedev(TTYAUX_MAJOR, 2)
#define CURRENT	     makedev(TTYAUX_MAJOR, 0)
#define CTTY_ID	     2012 /* CRIU's, of /dev/tty */
#define STATUS_FLAGS (O_NONBLOCK | O_APPEND | O_DIRECT | O_NOATIME)

/* --- dump -------------------------------------------------------------------------------------- */

struct description {
	struct tty_out *tty;
	bool current; /* opened as /dev/tty */
};

static bool is_slave(dev_t dev)
{
	return major(dev) >= UNIX98_PTY_SLAVE_MAJOR &&
	       major(dev) < UNIX98_PTY_SLAVE_MAJOR + UNIX98_PTY_MAJOR_COUNT;
}

static uint32_t slave_index(dev_t dev)
{
	return minor(dev);
}

/* What a description of /dev/tty leads to. */
static dev_t device_of(const struct file_probe *p)
{
	unsigned int dev;

	if (p->stat.st_rdev != CURRENT)
		return p->stat.st_rdev;
	return ioctl(probe_local(p), TIOCGDEV, &dev) < 0
		       ? 0
		       : makedev((dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00));
}

/* Any driver's; one that was hung up does not answer, and is told by its number. */
static bool is_device(const struct file_probe *p)
{
	unsigned int kind = major(p->stat.st_rdev);
	struct termios2 t;

	if (kind == MEM_MAJOR)
		return false;
	return kind == TTY_MAJOR || p->stat.st_rdev == makedev(TTYAUX_MAJOR, 1) ||
	       ioctl(probe_local(p), TCGETS2, &t) == 0;
}

static bool tty_match(const struct file_probe *p)
{
	if (p->fd < 0 || !S_ISCHR(p->stat.st_mode) || p->info.flags & O_PATH)
		return false;
	return p->stat.st_rdev == PTMX || is_slave(device_of(p)) || is_device(p);
}

struct ttys_out *ttys_out(struct dump *d)
{
	struct ttys_out *all = d->priv[SLOT_TTY];

	if (!all) {
		all = d->priv[SLOT_TTY] = arena_new(dump_arena(d), struct ttys_out);
		all->next_id = CTTY_ID;
		session_own_hash(d->s, &all->by_id);
		session_own_hash(d->s, &all->current);
		session_own_hash(d->s, &all->by_device);
		session_own_hash(d->s, &all->by_pid);
		session_own_hash(d->s, &all->by_group);
	}
	return all;
}

struct tty_out *tty_out_find(struct dump *d, uint32_t id)
{
	return hash_get(&ttys_out(d)->by_id, id);
}

void tty_out_add(struct dump *d, struct tty_out *tty)
{
	struct ttys_out *all = ttys_out(d);

	arena_push(dump_arena(d), all->ttys, all->n, tty);
	if (!tty->device && !tty->current)
		hash_put(&all->by_id, tty->e->id, tty);
}

void tty_out_number(struct dump *d, struct tty_out *tty, uint32_t *next)
{
	while (tty_out_find(d, *next) || tty_out_find(d, *next + 1))
		*next += 2;
	tty->e->id = *next;
	if (tty->extra)
		tty->extra->id = *next;
	hash_put(&ttys_out(d)->by_id, *next, tty);
}

bool tty_is_hung_up(int fd)
{
	struct pollfd one = { .fd = fd };
	unsigned int dev;

	return poll(&one, 1, 0) >= 0 && one.revents & POLLHUP && ioctl(fd, TIOCGDEV, &dev) < 0 &&
	       errno == EIO;
}

/* The slave's own name, where it was opened as /dev/tty. */
static void node_of(const struct file_probe *p, uint32_t index, struct stat *ret)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/pts/%u", index);
	if (p->stat.st_rdev != CURRENT || stat(path, ret) < 0)
		*ret = p->stat;
}

static struct tty_out *new_tty(struct dump *d, const struct file_probe *p, uint32_t index,
			       bool master)
{
	struct arena *a = dump_arena(d);
	struct tty_out *tty = arena_new(a, struct tty_out);
	char key[TTY_KEY_SIZE];
	struct stat st;

	*tty = (struct tty_out){ .e = arena_msg(a, TtyInfoEntry, tty_info_entry),
				 .task = p->task,
				 .fd = p->fd,
				 .object = probe_object(p),
				 .index = index,
				 .master = master };
	tty->e->id = tty_pair_id(index, master);
	tty->e->type = TTY_TYPE__PTY;
	node_of(p, index, &st);
	tty->e->rdev = st.st_rdev;
	tty->e->has_dev = true;
	tty->e->dev = st.st_dev;
	tty->e->has_uid = tty->e->has_gid = true;
	tty->e->uid = st.st_uid;
	tty->e->gid = st.st_gid;
	if (options_external(d->s->opts, tty_key(tty->e, key)) && !master) {
		tty->e->type = TTY_TYPE__EXT_TTY;
	} else {
		tty->e->pty = arena_msg(a, TtyPtyEntry, tty_pty_entry);
		tty->e->pty->index = index;
	}
	tty_out_add(d, tty);
	return tty;
}

CrtoolsTty *tty_extra(struct dump *d, struct tty_out *tty)
{
	if (!tty->extra) {
		tty->extra = arena_msg(dump_arena(d), CrtoolsTty, crtools_tty);
		tty->extra->has_id = true;
		tty->extra->id = tty->e->id;
		extras_add(d)->tty = tty->extra;
	}
	return tty->extra;
}

/* Owner and modes of the slave's name, which CRIU's image has no modes of, nor anything for a
 * master alone. */
static void note_node(struct dump *d, struct tty_out *tty)
{
	char path[32];
	struct stat st;

	snprintf(path, sizeof(path), "/dev/pts/%u", tty->index);
	if (stat(path, &st) < 0 || !is_slave(st.st_rdev) || slave_index(st.st_rdev) != tty->index)
		return;
	tty_extra(d, tty)->has_mode = true;
	tty->extra->mode = st.st_mode & 07777;
	tty->extra->has_uid = tty->extra->has_gid = true;
	tty->extra->uid = st.st_uid;
	tty->extra->gid = st.st_gid;
}

/* Only the master shows the session of others. */
static void note_session(struct dump *d, struct tty_out *tty, int fd)
{
	pid_t sid;

	if (ioctl(fd, TIOCGSID, &sid) == 0 && sid > 0)
		tty->e->sid = dump_vpid(d, sid);
}

static int fill_tty(struct dump *d, struct tty_out *tty, const struct file_probe *p)
{
	struct pollfd one = { .fd = probe_local(p) };

	tty->hung_up = !tty->master && tty_is_hung_up(probe_local(p));
	if (tty->hung_up)
		return 0;
	if (tty->master && poll(&one, 1, 0) >= 0 && one.revents & POLLHUP) {
		tty->closed = true;
		tty_extra(d, tty)->has_closed = true;
		tty->extra->closed = true;
	}
	if (ioctl(probe_local(p), FIONREAD, &tty->waiting) < 0)
		return err_sys(dump_err(d), "FIONREAD", "can't look at what waits in %s",
			       tty->object);
	if (tty->master)
		note_session(d, tty, probe_local(p));
	note_node(d, tty);
	return modes_collect(d, tty, probe_local(p));
}

/* Another instance of devpts has indexes of its own. */
static void refuse_other_devpts(const struct tty_out *tty, const struct file_probe *p)
{
	if (p->stat.st_rdev != PTMX && p->stat.st_rdev != CURRENT &&
	    tty->e->dev != p->stat.st_dev && tty->e->rdev == p->stat.st_rdev)
		task_refuse(p->task, probe_object(p),
			    "has the number of another pseudoterminal, of another mount of devpts",
			    "");
}

static int note_device(struct dump *d, const struct file_probe *p, struct tty_out **ret)
{
	dev_t dev = device_of(p);
	const struct device_source from = { .fd = p->fd,
					    .local = probe_local(p),
					    .object = probe_object(p),
					    .path = p->link.path,
					    .stat = &p->stat };

	*ret = device_find(d, dev);
	if (*ret)
		return 0;
	if (p->stat.st_rdev != CURRENT)
		return device_note(d, p->task, &from, ret);
	return device_note_session(p->task, dev, ret);
}

static int note_tty(struct dump *d, const struct file_probe *p, struct tty_out **ret)
{
	bool master = p->stat.st_rdev == PTMX;
	uint32_t index = master ? 0 : slave_index(device_of(p));
	unsigned int number;

	if (master && ioctl(probe_local(p), TIOCGPTN, &number) < 0)
		return err_sys(dump_err(d), "TIOCGPTN", "can't ask %s for its number",
			       probe_object(p));
	if (master)
		index = number;
	*ret = tty_out_find(d, tty_pair_id(index, master));
	if (*ret) {
		refuse_other_devpts(*ret, p);
		return 0;
	}
	*ret = new_tty(d, p, index, master);
	return fill_tty(d, *ret, p);
}

int tty_note_session(struct dump_task *t, dev_t dev, struct tty_out **ret)
{
	const char *path = arena_printf(dump_arena(t->dump), "/dev/pts/%u", slave_index(dev));
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	struct file_probe p = { .task = t, .fd = -1, .magic = "stat", .local = fd };

	*ret = NULL;
	if (fd < 0 || fstat(fd, &p.stat) < 0 || p.stat.st_rdev != dev)
		return 0;
	p.link.path = (char *)path;
	return note_tty(t->dump, &p, ret);
}

/* The name, as an entry that no descriptor has. */
static uint32_t add_path(struct dump *d, const struct file_probe *p, FownEntry *fown)
{
	struct arena *a = dump_arena(d);
	RegFileEntry *e = arena_msg(a, RegFileEntry, reg_file_entry);
	struct dump_file *f = arena_new(a, struct dump_file);

	e->id = ++d->next_file_id;
	e->flags = p->info.flags & ~O_CLOEXEC;
	e->name = p->link.path;
	e->fown = fown;
	e->has_mode = true;
	e->mode = p->stat.st_mode;
	f->class = file_class_of(FD_TYPES__REG);
	f->entry = arena_msg(a, FileEntry, file_entry);
	f->entry->id = e->id;
	f->entry->type = FD_TYPES__REG;
	f->entry->reg = e;
	arena_push(a, d->files, d->n_files, f);
	return e->id;
}

static int tty_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	TtyFileEntry *e = arena_msg(dump_arena(d), TtyFileEntry, tty_file_entry);
	struct description *desc;
	struct tty_out *tty = NULL;
	int ret;

	f->entry->tty = e;
	e->id = f->entry->id;
	e->flags = p->info.flags & ~O_CLOEXEC;
	ret = fown_collect(d, p, &e->fown);
	if (ret == 0)
		ret = p->stat.st_rdev == PTMX || is_slave(device_of(p)) ? note_tty(d, p, &tty)
									: note_device(d, p, &tty);
	if (ret == 0 && !tty)
		task_refuse(p->task, probe_object(p),
			    "is a terminal that crtools can't open by another name", "");
	if (ret < 0 || !tty)
		return ret;
	desc = arena_new(dump_arena(d), struct description);
	*desc = (struct description){ .tty = tty, .current = p->stat.st_rdev == CURRENT };
	f->priv = desc;
	e->tty_info_id = tty->e->id;
	e->has_regf_id = true;
	e->regf_id = add_path(d, p, e->fown);
	return 0;
}

/* The entry of /dev/tty in a session: one a session, as CRIU reads it. */
static struct tty_out *current_of(struct dump *d, const struct tty_out *slave)
{
	struct arena *a = dump_arena(d);
	struct ttys_out *all = ttys_out(d);
	struct tty_out *tty = hash_get(&all->current, slave->e->sid);

	if (tty)
		return tty;
	tty = arena_new(a, struct tty_out);
	*tty = (struct tty_out){ .e = arena_msg(a, TtyInfoEntry, tty_info_entry), .current = true };
	tty->e->type = TTY_TYPE__CTTY;
	tty->e->sid = slave->e->sid;
	tty->e->pgrp = slave->e->pgrp;
	tty->e->rdev = CURRENT;
	tty->e->termios = slave->e->termios;
	tty->e->termios_locked = slave->e->termios_locked;
	tty->e->winsize = slave->e->winsize;
	tty_out_add(d, tty);
	tty_out_number(d, tty, &all->next_id);
	hash_put(&all->current, slave->e->sid, tty);
	return tty;
}

static void refuse_waiting(struct tty_out *tty)
{
	if (tty->waiting && !queues_may_look())
		task_refuse(
			tty->task, tty->object,
			arena_printf(dump_arena(tty->task->dump),
				     "has %d bytes that wait to be read: they can be taken out and "
				     "put back only with CAP_SYS_ADMIN",
				     tty->waiting),
			"run crtools with that capability, or let the program read them");
	tty->waiting = 0;
}

/* A slave needs its master in the tree, a master whose slave is open somebody of the tree there. */
static int tty_relate(struct dump *d, struct dump_file *f)
{
	const struct description *desc = f->priv;
	struct tty_out *tty = desc ? desc->tty : NULL;
	bool paired = tty && !tty->device && tty_out_find(d, tty->e->id ^ 1);
	char key[TTY_KEY_SIZE];

	if (!ttys_out(d)->noted)
		tty_sessions_note(d);
	ttys_out(d)->noted = true;
	if (tty && tty->device)
		device_number(d, tty);
	if (tty)
		f->entry->tty->tty_info_id = tty->e->id;
	/* Where the session is known, and the terminal has no key of its own. */
	if (tty && desc->current && tty->e->sid && tty->e->type != TTY_TYPE__EXT_TTY)
		f->entry->tty->tty_info_id = current_of(d, tty)->e->id;
	if (tty)
		refuse_waiting(tty);
	if (!tty || tty->device || paired || tty->hung_up || tty->e->type == TTY_TYPE__EXT_TTY)
		return 0;
	if (!tty->master && d->s->opts->shell_job)
		return 0;
	if (!tty->master)
		task_refuse(tty->task, tty->object,
			    "is a terminal whose other end, the master, is outside of the tree",
			    arena_printf(dump_arena(d),
					 "use --shell-job: at the restore, crtools' own terminal "
					 "takes its place; or --external '%s', and --inherit-fd "
					 "'fd[N]:%s' to restore",
					 tty_key(tty->e, key), key));
	else if (!tty->closed && !tty->e->locked && tty->e->sid)
		task_warn(tty->task, tty->object,
			  "is the master of a terminal that only others outside of the tree have "
			  "open: they will not see the restored one",
			  "");
	return 0;
}

int ttys_out_write(struct dump *d)
{
	struct ttys_out *all = ttys_out(d);
	TtyInfoEntry **entries;
	int ret;

	if (all->written || !all->n)
		return 0;
	all->written = true;
	ret = queues_write(d);
	if (ret < 0)
		return ret;
	entries = arena_array(dump_arena(d), TtyInfoEntry *, all->n);
	for (size_t i = 0; i < all->n; i++)
		entries[i] = all->ttys[i]->e;
	return image_write_all(d->s->images, IMAGE_TTY_INFO, 0, (void **)entries, all->n,
			       dump_err(d));
}

static int tty_write(struct dump *d, struct dump_file *f)
{
	(void)f;
	return ttys_out_write(d);
}

/* --- restore ----------------------------------------------------------------------------------- */

struct tty_plan {
	struct tty_in *tty;
	const TtyInfoEntry *info;
	const char *path;
	bool master, current, leader; /* leader: its attach sets what the terminal has */
};

static struct restore_file *path_entry(struct restore *r, const TtyFileEntry *e)
{
	struct restore_file *f = e->has_regf_id ? restore_file_by_id(r, e->regf_id) : NULL;

	return f && f->entry->reg ? f : NULL;
}

static int tty_check(struct restore *r, struct restore_file *f)
{
	const TtyFileEntry *e = f->entry->tty;
	struct tty_plan *plan = arena_new(restore_arena(r), struct tty_plan);
	struct restore_file *path = e ? path_entry(r, e) : NULL;
	int ret = ttys_in_read(r);

	f->priv = plan;
	if (ret < 0)
		return ret;
	plan->tty = e ? tty_in_of(r, e->tty_info_id, &plan->info) : NULL;
	if (!e || e->id != f->id || !plan->tty)
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "files.img: the entry of terminal %u makes no sense, or has no "
			       "entry in tty-info.img",
			       f->id);
	plan->path = path ? path->entry->reg->name : "";
	plan->master = plan->info == plan->tty->master;
	plan->current = !strcmp(plan->path, "/dev/tty");
	if (plan->tty->device && !plan->tty->borrowed && !plan->current) {
		device_check_path(r, plan->tty, plan->path);
		if (!plan->tty->path)
			plan->tty->path = plan->path;
	}
	if (plan->master) {
		plan->tty->master_path = *plan->path ? plan->path : "/dev/ptmx";
		plan->tty->master_flags = e->flags;
	} else {
		if (path && path->entry->reg->has_mode && !plan->current)
			plan->tty->node_mode = path->entry->reg->mode & 07777;
		plan->leader = !plan->tty->has_slave;
		plan->tty->has_slave = true;
	}
	f->late = plan->current;
	fown_check(r, f, e->fown, arena_printf(restore_arena(r), "terminal %s", plan->path));
	return 0;
}

static int tty_prepare(struct restore *r, struct restore_file *f)
{
	(void)f;
	return ttys_in_make(r);
}

static int set_flags(struct restore_task *t, const struct restore_file *f, int fd)
{
	int want = f->entry->tty->flags & STATUS_FLAGS, now = fcntl(fd, F_GETFL);

	if (now >= 0 && (now & STATUS_FLAGS) == want)
		return 0;
	if (now >= 0 && fcntl(fd, F_SETFL, want) == 0)
		return 0;
	return err_sys(restore_err(t->r), "fcntl", "can't set the flags of the terminal %u to 0%o",
		       f->id, want);
}

/* By its name, so that it shows that name; /dev/tty only where that leads to the same. */
static int open_slave(const struct tty_plan *plan, int flags)
{
	unsigned int dev, want;
	_cleanup_fd_ int fd = -1;

	if (plan->current) {
		fd = open("/dev/tty", flags);
		if (fd >= 0 && ioctl(fd, TIOCGDEV, &dev) == 0 &&
		    ioctl(plan->tty->service, TIOCGDEV, &want) == 0 && dev == want)
			return TAKE_FD(fd);
	}
	if (plan->tty->device && !plan->tty->borrowed && !plan->current)
		return device_open(plan->path, flags);
	return tty_in_open(plan->tty, flags);
}

static int tty_open(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	const struct tty_plan *plan = f->priv;
	int flags = f->entry->tty->flags & ~(O_ASYNC | O_CREAT | O_EXCL | O_TRUNC);
	_cleanup_fd_ int fd = -1;
	int ret;

	if (plan->master)
		fd = fcntl(plan->tty->service, F_DUPFD_CLOEXEC, 0);
	else
		fd = open_slave(plan, flags | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(restore_err(t->r), "open", "can't open the terminal %s", plan->path);
	ret = set_flags(t, f, fd);
	if (ret == 0)
		*ret_fd = TAKE_FD(fd);
	return ret;
}

/* All tasks have opened theirs: what would have kept them from it. */
static int finish_slave(struct restore_task *t, const struct tty_plan *plan, int fd)
{
	if (!plan->info->termios && !plan->tty->borrowed && !plan->tty->device &&
	    ioctl(fd, TIOCVHANGUP) < 0)
		return err_sys(restore_err(t->r), "TIOCVHANGUP",
			       "can't hang up the terminal %s, as it was (that takes "
			       "CAP_SYS_ADMIN)",
			       plan->path);
	if (plan->info->exclusive && ioctl(fd, TIOCEXCL) < 0)
		return err_sys(restore_err(t->r), "TIOCEXCL", "can't make %s exclusive",
			       plan->path);
	return 0;
}

static int finish_master(struct restore_task *t, const struct tty_plan *plan, int fd)
{
	int on = 1;

	if ((plan->info->locked && ioctl(fd, TIOCSPTLCK, &on) < 0) ||
	    (plan->info->packet_mode && ioctl(fd, TIOCPKT, &on) < 0) ||
	    (plan->info->exclusive && ioctl(fd, TIOCEXCL) < 0))
		return err_sys(restore_err(t->r), "ioctl",
			       "can't set the state of the pseudoterminal %u", plan->tty->index);
	return 0;
}

static int tty_attach(struct restore_task *t, struct restore_file *f, int fd)
{
	const struct tty_plan *plan = f->priv;
	const TtyFileEntry *e = f->entry->tty;
	int ret = fown_attach(t, f, e->fown, e->flags, fd);

	if (ret == 0 && plan->master)
		ret = finish_master(t, plan, fd);
	else if (ret == 0 && plan->leader)
		ret = finish_slave(t, plan, fd);
	return ret;
}

static void tty_finish(struct restore *r, struct restore_file *f)
{
	(void)f;
	ttys_in_finish(r);
}

const struct file_class tty_class = {
	.name = "tty",
	.type = FD_TYPES__TTY,
	.match = tty_match,
	.collect = tty_collect,
	.relate = tty_relate,
	.write = tty_write,
	.check = tty_check,
	.prepare = tty_prepare,
	.open = tty_open,
	.attach = tty_attach,
	.finish = tty_finish,
};
