/* SPDX-License-Identifier: Apache-2.0 */
/* State classes: collect, one visit of the agent to all tasks at the same time, absorb. And before,
 * a visit without a program to those that the kernel has work for. */
#include <errno.h>
#include <stdlib.h>

#include "agent/listing.h"
#include "engine/dump/dump.h"
#include "engine/dump/probe.h"
#include "objects/registry.h"

static uint64_t pending_signals(const struct dump_task *t)
{
	uint64_t pending = t->status->shd_pnd;

	for (size_t i = 0; i < t->n_threads; i++)
		pending |= t->threads[i].status->sig_pnd;
	return pending;
}

/* Signals that no thread blocks, has pending or handles, and that are not ignored on purpose. */
static uint64_t quiet_signals(const struct dump_task *t)
{
	uint64_t busy = pending_signals(t) | t->status->sig_cgt;

	for (size_t i = 0; i < t->n_threads; i++)
		busy |= t->threads[i].stop->sigmask;
	return ~busy;
}

static void prepare_visit(struct dump_task *t)
{
	t->visit = (struct visit){ .proc = t->stop,
				   .areas = &t->areas,
				   .area = area_new(),
				   .quiet_signals = quiet_signals(t),
				   .pending_signals = pending_signals(t) };
	for (size_t i = 0; i < t->n_threads; i++) {
		t->threads[i].prog = program_new(t->visit.area);
		program_stage(t->threads[i].prog, STAGE_READ);
	}
}

static int each_task(struct dump *d, int (*const *per_task)(struct dump_task *),
		     int (*const *per_thread)(struct dump_thread *), struct dump_task *t)
{
	int ret = *per_task ? (*per_task)(t) : 0;

	for (size_t k = 0; ret == 0 && *per_thread && k < t->n_threads; k++)
		ret = (*per_thread)(&t->threads[k]);
	return err_add_pid(dump_err(d), t->vpid, ret);
}

int collect_state(struct dump *d)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < d->n_tasks; i++) {
		struct dump_task *t = d->tasks[i];

		if (!t->zombie) {
			prepare_visit(t);
			emit_asked_fds(t);
		}
		for (size_t c = 0; ret == 0 && state_classes[c]; c++)
			ret = each_task(d, &state_classes[c]->collect,
					&state_classes[c]->collect_thread, t);
	}
	return ret;
}

void free_programs(struct dump *d)
{
	for (size_t i = 0; i < d->n_tasks; i++) {
		struct dump_task *t = d->tasks[i];

		if (!t)
			continue;
		area_free(t->visit.area);
		t->visit.area = NULL;
		for (size_t k = 0; k < t->n_threads; k++)
			t->threads[k].prog = NULL;
	}
}

/* Of those tasks that one was prepared for. */
static int run_visits(struct dump *d)
{
	struct visit *visits = calloc(d->n_tasks, sizeof(*visits));
	size_t n = 0;
	int ret;

	if (!visits)
		return err_set(dump_err(d), ERR_RESOURCE, ENOMEM, "no memory for the visits");
	for (size_t i = 0; i < d->n_tasks; i++)
		if (d->tasks[i]->visit.area)
			visits[n++] = d->tasks[i]->visit;
	ret = n ? visit_run(&d->tree, visits, n, dump_err(d)) : 0;
	free(visits);
	return ret;
}

int run_programs(struct dump *d)
{
	return run_visits(d);
}

bool is_owed(const struct dump_task *t)
{
	for (size_t c = 0; state_classes[c]; c++)
		if (state_classes[c]->owed && state_classes[c]->owed(t))
			return true;
	return false;
}

int do_owed(struct dump *d)
{
	int ret;

	if (d->s->opts->plan)
		return 0;
	for (size_t i = 0; i < d->n_tasks; i++)
		if (!d->tasks[i]->zombie && is_owed(d->tasks[i]))
			prepare_visit(d->tasks[i]);
	ret = run_visits(d);
	free_programs(d);
	return ret;
}

/* A reading call that must succeed and did not. */
static int check_programs(struct dump_task *t)
{
	for (size_t i = 0; i < t->n_threads; i++) {
		const struct agent_call *call;
		const char *note;

		call = program_failure(t->threads[i].prog, &note);
		if (call) {
			struct listing l = listing_of_area(t->visit.area);
			char text[256];

			return err_set(dump_err(t->dump), ERR_AGENT, -call->result,
				       "thread %d: %s failed, for its %s", t->threads[i].vtid,
				       listing_text(text, sizeof(text), &l, call), note);
		}
	}
	return 0;
}

int absorb_state(struct dump *d)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < d->n_tasks; i++) {
		struct dump_task *t = d->tasks[i];

		if (t->zombie)
			continue;
		ret = check_programs(t);
		if (ret == 0)
			absorb_asked_fds(t);
		for (size_t c = 0; ret == 0 && state_classes[c]; c++)
			ret = each_task(d, &state_classes[c]->absorb,
					&state_classes[c]->absorb_thread, t);
	}
	free_programs(d);
	return ret;
}
