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
#include <linux/major.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "base/log.h"
#include "objects/tty/tty.h"

/* --- dump -------------------------------------------------------------------------------------- */

static const struct dump_task *task_of(const struct dump *d, pid_t pid)
{
	for (size_t i = 0; i < d->n_tasks; i++)
		if (d->tasks[i]->stop->pid == pid)
			return d->tasks[i];
	return NULL;
}

static pid_t foreground_of(struct dump_task *t)
{
	const struct dump *d = t->dump;

	for (size_t i = 0; i < d->n_tasks; i++)
		if (d->tasks[i]->stat.pgrp == t->stat.tpgid)
			return d->tasks[i]->pstree->pgid;
	if (t->stat.tpgid > 0 && task_of(d, t->stat.session))
		task_warn(t, "its terminal's foreground group",
			  "has no process any more; after the restore the terminal has none", "");
	return 0;
}

static int collect(struct dump_task *t)
{
	dev_t dev = t->stat.tty_nr ? proc_tty_dev(t->stat.tty_nr) : 0;
	const char *object;
	struct tty_out *side[2] = { NULL, NULL };

	if (!dev || t->zombie)
		return 0;
	if (major(dev) == UNIX98_PTY_SLAVE_MAJOR)
		for (int i = 0; i < 2; i++)
			side[i] = tty_out_find(t->dump, tty_pair_id(minor(dev), i));
	for (int i = 0; i < 2; i++) {
		if (!side[i] || (side[i]->e->sid && side[i]->e->pgrp))
			continue;
		side[i]->e->sid = t->pstree->sid;
		side[i]->e->pgrp = foreground_of(t);
	}
	object = arena_printf(dump_arena(t->dump), "its controlling terminal %u:%u", major(dev),
			      minor(dev));
	if (!side[0] && !side[1] && t->stat.session == t->stop->pid)
		task_refuse(t, object, "has its other end outside of the tree",
			    "dump the program that shows the terminal together with this one");
	return 0;
}

/* --- restore ----------------------------------------------------------------------------------- */

static int check(struct restore_task *t)
{
	return ttys_in_read(t->r);
}

static int lead(struct restore_task *t)
{
	const struct tty_in *tty = tty_in_led_by(t);

	if (!tty || ioctl(tty->service, TIOCSCTTY, 0) == 0)
		return 0;
	return err_sys(restore_err(t->r), "TIOCSCTTY",
		       "can't make /dev/pts/%u the controlling terminal of session %d", tty->index,
		       t->vpid);
}

static int grouped(struct restore_task *t)
{
	const struct tty_in *tty = tty_in_led_by(t);
	pid_t pgrp;

	if (!tty)
		return 0;
	pgrp = tty->master && tty->master->pgrp ? tty->master->pgrp
	       : tty->slave			? tty->slave->pgrp
						: 0;
	if (!pgrp || ioctl(tty->service, TIOCSPGRP, &pgrp) == 0)
		return 0;
	if (errno == ESRCH || errno == EPERM) {
		log_warn("The foreground group %d of /dev/pts/%u is not there any more", pgrp,
			 tty->index);
		return 0;
	}
	return err_sys(restore_err(t->r), "TIOCSPGRP",
		       "can't make %d the foreground group of /dev/pts/%u", pgrp, tty->index);
}

const struct state_class tty_state = {
	.name = "terminals",
	.collect = collect,
	.examine = collect,
	.check = check,
	.lead = lead,
	.grouped = grouped,
};
