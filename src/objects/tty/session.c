/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Controlling terminals. A session has at most one, and a task has it from its birth: so the
 * leader takes it before it forks those in its session. A task of the session that has no
 * controlling terminal while the leader has one was born before; it gets it all the same.
 *
 * The foreground group is set by the leader when all groups stand. Nothing is signalled by that:
 * all signals are blocked, and the window has its size already.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/major.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "objects/tty/tty.h"

/* --- dump -------------------------------------------------------------------------------------- */

/* Tasks by their ids, and one of each process group. */
static const struct ttys_out *lookups(struct dump *d)
{
	struct ttys_out *all = ttys_out(d);

	if (all->has_lookups)
		return all;
	all->has_lookups = true;
	for (size_t i = d->n_tasks; i-- > 0;) {
		hash_put(&all->by_pid, d->tasks[i]->stop->pid, d->tasks[i]);
		hash_put(&all->by_group, d->tasks[i]->stat.pgrp, d->tasks[i]);
	}
	return all;
}

static pid_t foreground_of(struct dump_task *t)
{
	const struct ttys_out *l = lookups(t->dump);
	const struct dump_task *one = t->stat.tpgid > 0 ? hash_get(&l->by_group, t->stat.tpgid)
							: NULL;

	if (one)
		return one->pstree->pgid;
	if (t->stat.tpgid > 0 && hash_get(&l->by_pid, t->stat.session))
		task_warn(t, "its terminal's foreground group",
			  "has no process any more; after the restore the terminal has none", "");
	return 0;
}

static dev_t terminal_of(const struct dump_task *t)
{
	return t->zombie || !t->stat.tty_nr ? 0 : proc_tty_dev(t->stat.tty_nr);
}

static bool is_slave(dev_t dev)
{
	return major(dev) == UNIX98_PTY_SLAVE_MAJOR;
}

static void sides_of(const struct dump_task *t, struct tty_out *side[2])
{
	dev_t dev = terminal_of(t);

	side[0] = side[1] = NULL;
	if (is_slave(dev))
		for (int i = 0; i < 2; i++)
			side[i] = tty_out_find(t->dump, tty_pair_id(minor(dev), i));
	else if (dev)
		side[0] = device_find(t->dump, dev);
}

static void note_session(struct dump_task *t, struct tty_out *side)
{
	if (!side || side->in_session)
		return;
	side->in_session = true;
	side->e->sid = t->pstree->sid;
	side->e->pgrp = foreground_of(t);
}

void tty_sessions_note(struct dump *d)
{
	for (size_t k = 0; k < d->n_tasks; k++) {
		struct tty_out *side[2];

		sides_of(d->tasks[k], side);
		note_session(d->tasks[k], side[0]);
		note_session(d->tasks[k], side[1]);
	}
}

/* Nobody of the tree has the terminal open: the tool looks at it by its name. */
static int adopt(struct dump_task *t, dev_t dev, struct tty_out **ret)
{
	bool slave = is_slave(dev);
	int err = 0;

	*ret = NULL;
	if (!slave)
		err = device_note_session(t, dev, ret);
	else if (t->dump->s->opts->shell_job)
		err = tty_note_session(t, dev, ret);
	if (err < 0 || !*ret)
		return err;
	if (!slave)
		device_number(t->dump, *ret);
	note_session(t, *ret);
	return 0;
}

static int collect(struct dump_task *t)
{
	dev_t dev = terminal_of(t);
	struct tty_out *side[2];
	int ret;

	sides_of(t, side);
	if (!dev || side[0] || side[1] || t->stat.session != t->stop->pid)
		return 0;
	ret = adopt(t, dev, &side[0]);
	if (ret < 0 || side[0])
		return ret;
	task_refuse(t,
		    arena_printf(dump_arena(t->dump), "its controlling terminal %u:%u", major(dev),
				 minor(dev)),
		    is_slave(dev) ? "has its other end outside of the tree"
				  : "is a device that crtools can't open",
		    is_slave(dev)
			    ? "use --shell-job: at the restore, crtools' own terminal takes "
			      "its place; or dump the program that shows the terminal together "
			      "with this one"
			    : "");
	return 0;
}

static int write_all(struct dump *d)
{
	return ttys_out_write(d);
}

/* --- restore ----------------------------------------------------------------------------------- */

static int check(struct restore_task *t)
{
	return ttys_in_read(t->r);
}

/* A session that has nothing open of its terminal: there is no descriptor of it in the tool either.
 */
static int open_for(const struct tty_in *tty)
{
	if (tty->service >= 0)
		return fcntl(tty->service, F_DUPFD_CLOEXEC, 0);
	if (tty->device && !tty->borrowed)
		return tty->path ? device_open(tty->path, O_RDWR) : -1;
	return tty->borrowed ? ttys_in_open_given(tty) : -1;
}

/* A terminal from outside may control the session of whoever gave it, which loses it then. */
static int lead(struct restore_task *t)
{
	const struct tty_in *tty = tty_in_led_by(t);
	_cleanup_fd_ int fd = tty ? open_for(tty) : -1;

	if (!tty || ioctl(fd, TIOCSCTTY, 0) == 0 || (tty->borrowed && ioctl(fd, TIOCSCTTY, 1) == 0))
		return 0;
	return err_sys(restore_err(t->r), "TIOCSCTTY",
		       "can't make terminal %u the controlling terminal of session %d%s",
		       tty->any->id, t->vpid,
		       tty->borrowed ? ", which takes it from another one (CAP_SYS_ADMIN)"
		       : tty->device ? "; does it control another one? End that first"
				     : "");
}

static pid_t foreground(const struct tty_in *tty)
{
	if (tty->master && tty->master->pgrp)
		return tty->master->pgrp;
	return tty->slave ? tty->slave->pgrp : 0;
}

static int set_foreground(const struct restore_task *t, const struct tty_in *tty, pid_t pgrp)
{
	_cleanup_fd_ int fd = pgrp ? open_for(tty) : -1;

	if (!pgrp || ioctl(fd, TIOCSPGRP, &pgrp) == 0)
		return 0;
	if (errno == ESRCH || errno == EPERM) {
		log_warn("The foreground group %d of terminal %u is not there any more", pgrp,
			 tty->any->id);
		return 0;
	}
	return err_sys(restore_err(t->r), "TIOCSPGRP",
		       "can't make %d the foreground group of terminal %u", pgrp, tty->any->id);
}

/* The root is in the tool's session. In the foreground is the group that was, if the tree has it;
 * else the root's, in place of a tool that waits for it. */
static int replace_tool(const struct restore_task *t)
{
	const struct tty_in *tty = ttys_in_borrowed(t->r);
	pid_t now, pgrp;

	if (!tty || ioctl(tty->service, TIOCGPGRP, &now) < 0 || now != ttys_in_tool_group(t->r))
		return 0;
	pgrp = foreground(tty);
	for (size_t i = 0; pgrp && i < t->r->n_tasks; i++)
		if ((pid_t)t->r->tasks[i]->pstree->pgid == pgrp)
			return set_foreground(t, tty, pgrp);
	return t->r->s->opts->detached ? 0 : set_foreground(t, tty, t->pstree->pgid);
}

static int grouped(struct restore_task *t)
{
	const struct tty_in *tty = tty_in_led_by(t);

	if (tty)
		return set_foreground(t, tty, foreground(tty));
	return t == t->r->root && t->r->s->opts->shell_job ? replace_tool(t) : 0;
}

void tty_take_back(void)
{
	int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	pid_t own = getpgrp(), now;
	sigset_t out, old;

	sigemptyset(&out);
	sigaddset(&out, SIGTTOU);
	sigprocmask(SIG_BLOCK, &out, &old);
	if (fd >= 0 && ioctl(fd, TIOCGPGRP, &now) == 0 && now != own)
		ioctl(fd, TIOCSPGRP, &own);
	sigprocmask(SIG_SETMASK, &old, NULL);
	close_fd(&fd);
}

const struct state_class tty_state = {
	.name = "terminals",
	.collect = collect,
	.examine = collect,
	.write = write_all,
	.check = check,
	.lead = lead,
	.grouped = grouped,
};
