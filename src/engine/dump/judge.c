/* SPDX-License-Identifier: Apache-2.0 */
/* What of a tree as a whole can't be kept; its parts are judged by their classes. */
#include <stdlib.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "engine/dump/dump.h"

/* Where the limit is higher, no tree comes near to it. */
#define NUMBERS_MAX    (1u << 16)
#define NUMBERS_NEEDED 32

/* A session whose leader is outside of the tree can't be made again: its members join another. */
static void judge_session(struct dump *d)
{
	const struct dump_task *root = d->tasks[0];

	if ((pid_t)root->pstree->sid == root->vpid || d->s->opts->shell_job)
		return;
	report_refuse(
		&d->s->report, root->vpid,
		arena_printf(dump_arena(d), "session %u", root->pstree->sid),
		"is led by a process outside of the tree",
		"use --shell-job: at the restore the tree joins the caller's session; or start "
		"the program by setsid(1)");
}

/* A tree with mounts of its own is refused by its class. */
static void judge_mounts(struct dump *d)
{
	for (size_t i = 0; i < d->s->opts->skip_mnt.n; i++)
		report_warn(&d->s->report, 0,
			    arena_printf(dump_arena(d), "--skip-mnt %s",
					 d->s->opts->skip_mnt.items[i]),
			    "has no effect: the tree has the mounts that crtools has, and of those "
			    "none is saved",
			    "");
}

/* The restore works in numbers that no task has: files on their way to where they belong, images. */
static void judge_numbers(struct dump *d)
{
	const char *object = "descriptor numbers";
	_cleanup_free_ unsigned char *used = NULL;
	struct rlimit limit;
	size_t taken = 0;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max > NUMBERS_MAX)
		return;
	used = calloc(1, limit.rlim_max + 1);
	for (size_t i = 0; used && i < d->n_tasks; i++) {
		const struct dump_table *table = d->tasks[i]->table;

		for (size_t k = 0; table && k < table->n_fds; k++) {
			uint32_t fd = table->fds[k]->fd;

			if (fd < limit.rlim_max && !used[fd]++)
				taken++;
		}
	}
	if (used && taken + NUMBERS_NEEDED > limit.rlim_max)
		report_warn(
			&d->s->report, 0, object,
			arena_printf(
				dump_arena(d),
				"%zu of the %llu below crtools' hard limit are in use by the "
				"tree: a restore under the same limit may have too few for itself",
				taken, (unsigned long long)limit.rlim_max),
			"restore where the hard limit of open files (ulimit -Hn) is higher");
}

void judge_tree(struct dump *d)
{
	judge_session(d);
	judge_mounts(d);
	judge_numbers(d);
}
