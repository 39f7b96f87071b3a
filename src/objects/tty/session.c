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

/* Tasks by their ids, and one of each process group, as the tool sees them. */
struct lookups {
	struct hash by_pid, by_group;
};

static void lookups_fill(struct lookups *l, const struct dump *d)
{
	*l = (struct lookups){ 0 };
	for (size_t i = d->n_tasks; i-- > 0;) {
		hash_put(&l->by_pid, d->tasks[i]->stop->pid, d->tasks[i]);
		hash_put(&l->by_group, d->tasks[i]->stat.pgrp, d->tasks[i]);
	}
}

static void lookups_free(struct lookups *l)
{
	hash_free(&l->by_pid);
	hash_free(&l->by_group);
}

static pid_t foreground_of(struct dump_task *t, const struct lookups *l)
{
	const struct dump_task *one = t->stat.tpgid > 0 ? hash_get(&l->by_group, t->stat.tpgid)
							: NULL;

	if (one)
		return one->pstree->pgid;
	if (t->stat.tpgid > 0 && hash_get(&l->by_pid, t->stat.session))
		task_warn(t, "its terminal's foreground group",
			  "has no process any more; after the restore the terminal has none", "");
	return 0;
}

static void sides_of(const struct dump_task *t, struct tty_out *side[2])
{
	dev_t dev = t->stat.tty_nr ? proc_tty_dev(t->stat.tty_nr) : 0;

	side[0] = side[1] = NULL;
	if (!t->zombie && major(dev) == UNIX98_PTY_SLAVE_MAJOR)
		for (int i = 0; i < 2; i++)
			side[i] = tty_out_find(t->dump, tty_pair_id(minor(dev), i));
}

void tty_sessions_note(struct dump *d)
{
	struct lookups l;

	lookups_fill(&l, d);
	for (size_t k = 0; k < d->n_tasks; k++) {
		struct dump_task *t = d->tasks[k];
		struct tty_out *side[2];

		sides_of(t, side);
		for (int i = 0; i < 2; i++) {
			if (!side[i] || side[i]->in_session)
				continue;
			side[i]->in_session = true;
			side[i]->e->sid = t->pstree->sid;
			side[i]->e->pgrp = foreground_of(t, &l);
		}
	}
	lookups_free(&l);
}

static int collect(struct dump_task *t)
{
	dev_t dev = t->stat.tty_nr ? proc_tty_dev(t->stat.tty_nr) : 0;
	const char *object;
	struct tty_out *side[2];

	if (!dev || t->zombie)
		return 0;
	sides_of(t, side);
	object = arena_printf(dump_arena(t->dump), "its controlling terminal %u:%u", major(dev),
			      minor(dev));
	if (!side[0] && !side[1] && t->stat.session == t->stop->pid)
		task_refuse(t, object, "has its other end outside of the tree",
			    "dump the program that shows the terminal together with this one, or "
			    "let a process of the session have a descriptor of it, and use "
			    "--shell-job");
	return 0;
}

/* --- restore ----------------------------------------------------------------------------------- */

static int check(struct restore_task *t)
{
	return ttys_in_read(t->r);
}

/* A terminal from outside may control the session of whoever gave it, which loses it then. */
static int lead(struct restore_task *t)
{
	const struct tty_in *tty = tty_in_led_by(t);

	if (!tty || ioctl(tty->service, TIOCSCTTY, 0) == 0 ||
	    (tty->borrowed && ioctl(tty->service, TIOCSCTTY, 1) == 0))
		return 0;
	return err_sys(restore_err(t->r), "TIOCSCTTY",
		       "can't make terminal %u the controlling terminal of session %d%s",
		       tty->any->id, t->vpid,
		       tty->borrowed ? ", which takes it from another one (CAP_SYS_ADMIN)" : "");
}

static pid_t foreground(const struct tty_in *tty)
{
	if (tty->master && tty->master->pgrp)
		return tty->master->pgrp;
	return tty->slave ? tty->slave->pgrp : 0;
}

static int set_foreground(const struct restore_task *t, const struct tty_in *tty, pid_t pgrp)
{
	if (!pgrp || ioctl(tty->service, TIOCSPGRP, &pgrp) == 0)
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
	.check = check,
	.lead = lead,
	.grouped = grouped,
};
