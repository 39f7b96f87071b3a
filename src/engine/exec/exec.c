/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See exec.h. The process must be none the wiser: its threads are held, the one that makes the
 * calls gets its registers, its signal mask and an interrupted call back, and what in it would
 * notice the agent is screened off.
 */
#include "engine/exec/exec.h"

#include <errno.h>

#include "kernel/proc/stat.h"
#include "task/screen.h"

#define LIMIT_32 (UINT64_C(1) << 32)

static int admit(const struct visit *v, void *data, struct err *err)
{
	const struct engine_exec *x = data;

	if (regs_compat(&v->proc->threads[0].regs) && v->addr + area_size(v->area) > LIMIT_32)
		return err_set(err, ERR_AGENT, ENOMEM,
			       "no place below 4 GiB was to be had in the 32-bit process %d",
			       v->proc->pid);
	return exec_guard_addresses(x->program, v, err);
}

/* What went wrong in a visit; a program that does not end is a matter of its call. */
static int explain(const struct proc_stop *p, struct engine_exec *x, unsigned int timeout,
		   const struct err *why, struct err *err)
{
	if (x->area->finished && program_header(x->program)->done < x->program->n &&
	    why->id == ERR_TIMEOUT)
		return err_set(err, ERR_TIMEOUT, ETIMEDOUT,
			       "the call did not return within %u s and was taken back; process %d "
			       "goes on as before",
			       timeout, p->pid);
	return err_set(err, why->id, why->num, "%s", why->text);
}

static int visit(struct session *s, struct tree_stop *tree, struct proc_status *status,
		 struct engine_exec *x)
{
	struct proc_stop *p = tree->procs[0];
	struct thread_stop *t = &p->threads[0];
	struct proc_areas areas;
	struct screen screen;
	struct err why = { 0 };
	struct visit v = {
		.proc = p,
		.areas = &areas,
		.area = x->area,
		.quiet_signals =
			~(status->shd_pnd | status->sig_cgt | status->sig_pnd | t->sigmask),
		.pending_signals = status->shd_pnd | status->sig_pnd,
		.admit = admit,
		.admit_data = x,
	};
	int ret, restored;

	ret = proc_maps(&p->proc, &s->arena, &areas, s->err);
	if (ret == 0)
		ret = screen_put(p, t, status->seccomp, &screen, s->err);
	if (ret < 0)
		return ret;
	ret = visit_run(tree, &v, 1, &why);
	if (x->area->finished)
		x->done = program_header(x->program)->done;
	restored = screen_remove(p, t, &screen, s->err);
	if (ret < 0)
		ret = explain(p, x, tree->timeout, &why, s->err);
	return ret < 0 ? ret : restored;
}

/* The first thread's own status: of a process whose leader has ended it is another's. */
static int read_status(struct session *s, struct proc_stop *p, struct proc_status *ret)
{
	struct proc thread = PROC_INIT;
	int r = proc_open_thread(&thread, &p->proc, p->threads[0].tid, s->err);

	if (r == 0)
		r = proc_status(&thread, &s->arena, ret, s->err);
	proc_close(&thread);
	return r;
}

static int run(struct session *s, struct tree_stop *tree, struct engine_exec *x)
{
	struct proc_stop *p = tree->procs[0];
	struct thread_stop *t = &p->threads[0];
	struct proc_status status;
	int ret = read_status(s, p, &status);

	x->area = area_new();
	x->program = program_new(x->area);
	program_stage(x->program, STAGE_READ);
	if (ret == 0)
		ret = x->build(x->data, x->program, regs_compat(&t->regs), s->err);
	if (ret == 0)
		ret = exec_guard_calls(x->program, t, s->err);
	return ret < 0 ? ret : visit(s, tree, &status, x);
}

int engine_exec(struct session *s, struct engine_exec *x)
{
	struct tree_stop tree;
	int ret = tree_freeze_one(&tree, s->opts->pid, s->opts->timeout, &s->journal, &s->arena,
				  s->err);

	if (ret < 0)
		return ret;
	ret = run(s, &tree, x);
	tree_release(&tree, TREE_RUN);
	return ret;
}
