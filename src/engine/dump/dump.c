/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A dump, from the front door to the disk: the steps of the table, in its order. Nothing is
 * written to an image before all that can be seen from outside has been found keepable; nothing of
 * the set is visible before all of it is written; and whatever fails, the tree goes on as it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "base/log.h"
#include "engine/dump/dump.h"
#include "engine/engine.h"
#include "engine/fault.h"
#include "engine/plan.h"
#include "engine/sentry.h"
#include "image/writer.h"
#include "model/cpuinfo.h"
#include "model/script.h"
#include "objects/class.h"
#include "objects/inside.h"
#include "task/memory_limit.h"

static void let_run(void *data)
{
	tree_release(data, TREE_RUN);
}

static int step_scripts(struct dump *d)
{
	if (d->s->opts->plan)
		return 0;
	return script_run(d->s->opts, SCRIPT_PRE_DUMP, d->s->images_fd, d->s->opts->pid, NULL,
			  dump_err(d));
}

static bool path_of(int fd, char *path, size_t size)
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, size - 1);
	path[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static int step_open(struct dump *d)
{
	char dir[1024], field[3 * sizeof(dir)];

	if (d->s->opts->plan)
		return 0;
	/* Where a hidden folder is about to be made. */
	if (path_of(d->s->images_fd, dir, sizeof(dir))) {
		journal_escape(dir, field);
		journal_add(&d->s->journal, "images %s\n", field);
	}
	return image_dir_create(d->s->images_fd, ".", dump_err(d), &d->s->images);
}

static int refuse_with_reasons(struct dump *d)
{
	if (!d->s->report.refusals)
		return 0;
	return err_set(
		dump_err(d), ERR_REFUSED, EOPNOTSUPP,
		"the tree of process %d can't be kept for the %zu reason%s above; crtools check -t "
		"%d lists them without a dump",
		d->s->opts->pid, d->s->report.refusals, d->s->report.refusals == 1 ? "" : "s",
		d->s->opts->pid);
}

static int step_scout(struct dump *d)
{
	struct servers used;
	int ret = scout_servers(d->s, NULL, &used);

	if (ret == 0)
		ret = refuse_with_reasons(d);
	return ret ? ret : sentry_post(d->s, &used, true);
}

static int step_freeze(struct dump *d)
{
	int ret = tree_freeze(&d->tree, d->s->opts->pid, d->s->opts->freeze_cgroup,
			      d->s->opts->timeout, &d->s->journal, inside_view(d), dump_arena(d),
			      dump_err(d));

	if (ret < 0)
		return ret;
	undo_push(&d->s->undo, let_run, &d->tree);
	d->s->stats.freezing_us = (monotonic_ns() - d->tree.frozen_at) / 1000;
	return 0;
}

static int step_network(struct dump *d)
{
	int ret = script_run(d->s->opts, SCRIPT_NETWORK_LOCK, d->s->images_fd, d->s->opts->pid,
			     NULL, dump_err(d));

	if (ret == 0)
		ret = choose_run_id(d);
	for (size_t i = 0; ret == 0 && i < d->n_files; i++)
		if (d->files[i]->class->settle)
			ret = d->files[i]->class->settle(d, d->files[i]);
	return ret;
}

static void leave_files(struct dump *d, bool killed)
{
	for (size_t i = 0; i < d->n_files; i++)
		if (d->files[i]->class->leave)
			d->files[i]->class->leave(d, d->files[i], killed);
	if (killed)
		journal_add(&d->s->journal, "ended\n");
}

static int step_judge(struct dump *d)
{
	judge_tree(d);
	return refuse_with_reasons(d);
}

static int step_saving(struct dump *d)
{
	begin_memory(d);
	return 0;
}

static int step_memory(struct dump *d)
{
	uint64_t start = monotonic_ns();
	int ret = finish_memory(d);

	d->s->stats.memdump_us = d->s->stats.memwrite_us = (monotonic_ns() - start) / 1000;
	return ret;
}

/* For a restore, and for whoever looks for a machine that can do it (crtools cpuinfo check). */
static int step_cpuinfo(struct dump *d)
{
	CpuinfoEntry *entry;

	if (!(d->s->opts->cpu_cap & CPU_CAP_IMAGE))
		return 0;
	entry = cpuinfo_entry(dump_arena(d));
	return image_write_all(d->s->images, IMAGE_CPUINFO, 0, &entry, 1, dump_err(d));
}

static int step_commit(struct dump *d)
{
	int ret = write_inventory(d);

	journal_add(&d->s->journal, "commit\n");
	return ret < 0 ? ret : image_dir_commit(d->s->images, IMAGE_SYNC_NONE, dump_err(d));
}

static const struct {
	const char *name; /* also the fault point behind the step */
	int (*run)(struct dump *d);
} steps[] = {
	{ "dump-scripts", step_scripts }, /* pre-dump: the tree still runs */
	{ "dump-scout", step_scout },	  /* does somebody answer for its files? */
	{ "dump-open", step_open },	  /* a new image set, not visible yet */
	{ "dump-freeze", step_freeze },	  /* from here on the tree stands still */
	{ "dump-tasks", collect_tasks },
	{ "dump-kobjs", collect_kobjs },
	{ "dump-areas", collect_areas },
	{ "dump-owed", do_owed }, /* what the kernel does when a task next runs, it does now */
	{ "dump-files", collect_files },
	{ "dump-flight", collect_flight },
	{ "dump-state", collect_state },
	{ "dump-network", step_network }, /* --plan ends before it */
	{ "dump-saving", step_saving },	  /* memory is saved beside what follows */
	{ "dump-agent", run_programs },	  /* as dump-owed, changes the processes */
	{ "dump-absorb", absorb_state },
	{ "dump-judge", step_judge }, /* all reasons against it are known: refuse, or go on */
	{ "dump-entries", write_entries },
	{ "dump-cpuinfo", step_cpuinfo },
	{ "dump-memory", step_memory },
	{ "dump-commit", step_commit }, /* the set becomes visible, whole */
};

/* The images stand. A post-dump script that fails keeps the tree running. */
static int finish(struct dump *d)
{
	const struct options *o = d->s->opts;
	enum tree_end end = o->leave_running ? TREE_RUN : o->leave_stopped ? TREE_STOP : TREE_KILL;
	int ret;

	ret = script_run(o, SCRIPT_POST_DUMP, d->s->images_fd, o->pid, &d->s->script_status,
			 dump_err(d));
	if (ret < 0)
		return ret;
	d->s->stats.frozen_us = (monotonic_ns() - d->tree.frozen_at) / 1000;
	undo_drop(&d->s->undo, 0);
	leave_files(d, end == TREE_KILL);
	tree_release(&d->tree, end);
	return end == TREE_RUN
		       ? script_run(o, SCRIPT_NETWORK_UNLOCK, d->s->images_fd, o->pid, NULL, NULL)
		       : 0;
}

static int write_stats(struct dump *d)
{
	StatsEntry e = STATS_ENTRY__INIT;
	DumpStatsEntry dump = DUMP_STATS_ENTRY__INIT;
	void *msgs[] = { &e };

	e.dump = &dump;
	dump.freezing_time = d->s->stats.freezing_us;
	dump.frozen_time = d->s->stats.frozen_us;
	dump.memdump_time = d->s->stats.memdump_us;
	dump.memwrite_time = d->s->stats.memwrite_us;
	dump.pages_scanned = d->s->stats.pages_scanned;
	dump.pages_skipped_parent = d->s->stats.pages_skipped_parent;
	dump.pages_written = d->s->stats.pages_written;
	dump.pages_lazy = d->s->stats.pages_lazy;
	return image_write_service(AT_FDCWD, IMAGE_STATS_DUMP, msgs, 1, dump_err(d));
}

/* The tree is saved, and may have ended: that there are no figures of it changes nothing. */
static void note_stats(struct dump *d)
{
	char text[512];

	if (write_stats(d) == 0)
		return;
	err_format(dump_err(d), text, sizeof(text));
	report_warn(&d->s->report, 0, "stats-dump", arena_strdup(dump_arena(d), text), "");
	*dump_err(d) = (struct err){ 0 };
}

static void dump_free(struct dump *d)
{
	free_programs(d);
	collect_files_end(d);
}

static int run_steps(struct dump *d)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (d->s->opts->plan && steps[i].run == step_network)
			break;
		log_debug("%s", steps[i].name);
		ret = steps[i].run(d);
		if (ret == 0)
			ret = fault_point(d->s, steps[i].name);
	}
	return ret;
}

int engine_dump(struct session *s)
{
	struct dump d = { .s = s, .common = PTHREAD_MUTEX_INITIALIZER };
	int ret;

	interrupt_defer();
	ret = run_steps(&d);
	if (ret > 0)
		return 0; /* it was done by somebody else (engine/sentry.h) */
	if (ret == 0 && !s->opts->plan) {
		ret = finish(&d);
		if (ret == 0)
			sentry_succeeded(s);
	}
	if (ret < 0)
		memory_limit_explain(s->err); /* what there is still shows it */
	abandon_memory(&d);		      /* its threads read what the undoing lets go */
	undo_all(&s->undo);
	if (ret == 0 && s->opts->plan)
		ret = plan_dump(&d); /* the tree runs again */
	if (ret == 0 && !s->opts->plan) {
		interrupt_forget();
		note_stats(&d);
	}
	if (!s->last)
		dump_free(&d);
	return ret;
}
