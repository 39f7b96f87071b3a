/* SPDX-License-Identifier: Apache-2.0 */
/* What can be found out about a restore before anything is forked: all reasons against it at once. */
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "engine/restore/restore.h"
#include "image/reader.h"
#include "image/verify.h"
#include "model/cpuinfo.h"
#include "objects/registry.h"
#include "objects/restored.h"

static int judge_task(struct restore_task *t)
{
	int ret = 0;

	for (size_t c = 0; ret == 0 && state_classes[c]; c++)
		if (state_classes[c]->check)
			ret = state_classes[c]->check(t);
	for (size_t i = 0; ret == 0 && i < t->n_vmas; i++)
		if (t->vmas[i].class->check)
			ret = t->vmas[i].class->check(t, &t->vmas[i]);
	return err_add_pid(restore_err(t->r), t->vpid, ret);
}

/* cpuinfo.img is there when the dump was asked for it. */
static int judge_processor(struct restore *r)
{
	CpuinfoEntry *entry;
	int ret = image_read_opt(r->s->images, IMAGE_CPUINFO, 0, restore_arena(r), restore_err(r),
				 &entry);

	if (ret == 0 && entry && entry->n_x86_entry)
		r->xsave_size = entry->x86_entry[0]->xsave_size;
	return ret < 0 || !entry
		       ? ret
		       : cpuinfo_compare(entry, r->s->opts->cpu_cap, &r->s->report, restore_err(r));
}

/* A set that was edited, or that CRIU has written over one of ours. */
static void judge_ignored(struct restore *r)
{
	if (r->n_tasks && image_dir_ignores(r->s->images, IMAGE_CRTOOLS_TASK, r->tasks[0]->vpid))
		report_warn(&r->s->report, 0, "images of crtools' own (crtools-*.img)",
			    "are not used, since no crtools-manifest.img says that they belong to "
			    "the others: what only they hold is lost",
			    "");
}

/* Ids are the first thing that takes a privilege, and no tree comes back without its own. */
static void judge_rights(struct restore *r)
{
	if (err_filtered())
		report_warn(&r->s->report, 0, "seccomp",
			    "the filter that is around crtools stays around the restored tasks, "
			    "which had none of it",
			    "run crtools outside of the container, or without its filter");
	if (!r->s->opts->plan) {
		restored_need(r, 0, FEATURE_OPENAT2, "files",
			      "can't be opened below their root (openat2)");
		restored_need(r, 0, FEATURE_CLOSE_RANGE, "descriptors",
			      "of crtools can't be closed in the tasks (close_range)");
	}
	if (!r->s->opts->plan && !feature_has(&r->features, FEATURE_CLONE3_SET_TID))
		restored_need(
			r, 0, FEATURE_CLONE3_SET_TID, "process ids",
			feature_has(&r->features, FEATURE_INIT_USERNS)
				? "can't be chosen here (clone3 with set_tid)"
				: "can't be chosen here (clone3 with set_tid): crtools is in a user "
				  "namespace, and its pid namespace is of another one");
}

int judge_images(struct restore *r)
{
	int ret = image_verify(r->s->images, restore_err(r));

	if (ret == 0)
		ret = judge_processor(r);
	judge_ignored(r);
	judge_rights(r);
	for (size_t i = 0; ret == 0 && i < r->n_tasks; i++)
		if (!r->tasks[i]->zombie && !r->tasks[i]->helper)
			ret = judge_task(r->tasks[i]);
	for (size_t i = 0; ret == 0 && i < r->n_files; i++)
		if (r->files[i]->class->check)
			ret = r->files[i]->class->check(r, r->files[i]);
	if (ret < 0)
		return ret;
	restore_judge_inherited(r);
	if (!r->s->opts->plan)
		judge_ids(r);
	if (!r->s->report.refusals)
		return 0;
	err_set(restore_err(r), ERR_REFUSED, EOPNOTSUPP,
		"the images can't be restored for the %zu reason%s above", r->s->report.refusals,
		r->s->report.refusals == 1 ? "" : "s");
	return -EOPNOTSUPP;
}
