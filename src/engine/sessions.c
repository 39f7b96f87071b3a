/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who forks whom. A process belongs to the session in which it was forked, unless it makes its own;
 * a process group needs its leader's process at the time others join. So:
 *
 *  - a child in its parent's session is forked after the parent has made its session (setsid);
 *  - a child in the session in which the parent itself was forked is forked before that (early);
 *  - a child in the session of a sibling is forked by the sibling, with CLONE_PARENT;
 *  - a child in a session whose leader is gone is forked by a stand-in for that leader, a sibling
 *    that ends before the tree runs.
 *
 * Memory and descriptors are inherited from the forker.
 */
#include <errno.h>
#include <unistd.h>

#include "engine/restore.h"

static pid_t sid_of(const struct restore_task *t)
{
	return t->pstree->sid;
}

static bool leads_session(const struct restore_task *t)
{
	return sid_of(t) == t->vpid;
}

/* The session in which t runs before it makes its own. */
static pid_t born_in(const struct restore_task *t)
{
	const struct restore_task *f = t->forker;

	if (!f)
		return getsid(0);
	if (!t->early)
		return sid_of(f);
	return born_in(f);
}

static struct restore_task *add_stand_in(struct restore *r, pid_t pid, struct restore_task *parent,
					 pid_t sid, pid_t pgid)
{
	struct arena *a = restore_arena(r);
	struct restore_task *t = arena_new(a, struct restore_task);

	*t = (struct restore_task){ .r = r, .parent = parent, .forker = parent, .vpid = pid,
				    .helper = true, .index = r->n_tasks };
	t->pstree = arena_msg(a, PstreeEntry, pstree_entry);
	t->pstree->pid = pid;
	t->pstree->ppid = parent->vpid;
	t->pstree->sid = sid;
	t->pstree->pgid = pgid;
	hash_put(&r->task_by_pid, pid, t);
	arena_push(a, r->tasks, r->n_tasks, t);
	return t;
}

int restore_add_helper(struct restore *r, pid_t vpid)
{
	const struct restore_task *known = hash_get(&r->task_by_pid, vpid);

	if (known)
		return known->helper ? 0 : -EEXIST;
	add_stand_in(r, vpid, r->root, sid_of(r->root), r->root->pstree->pgid);
	return 0;
}

static struct restore_task *sibling_in_session(const struct restore_task *t)
{
	for (size_t i = 0; i < t->parent->n_children; i++) {
		struct restore_task *s = t->parent->children[i];

		if (s != t && sid_of(s) == sid_of(t) && leads_session(s) && !s->zombie)
			return s;
	}
	return NULL;
}

static int choose_forker(struct restore_task *t)
{
	struct restore_task *p = t->parent, *leader;

	t->forker = p;
	if (leads_session(t) || sid_of(t) == sid_of(p))
		return 0;
	if (leads_session(p) && sid_of(t) == born_in(p)) {
		t->early = true;
		return 0;
	}
	leader = hash_get(&t->r->task_by_pid, sid_of(t));
	if (leader && (leader->helper || leader->zombie) && leader->parent == p && leader->helper) {
		t->forker = leader;
		return 0;
	}
	t->forker = leader ? sibling_in_session(t) : NULL;
	if (t->forker)
		return 0;
	if (!leader) {
		t->forker = add_stand_in(t->r, sid_of(t), p, sid_of(t), sid_of(t));
		return 0;
	}
	return err_set(restore_err(t->r), ERR_LATER, EOPNOTSUPP,
		       "task %d is in session %d, whose leader is neither its ancestor nor its "
		       "sibling; that can't be rebuilt", t->vpid, sid_of(t));
}

/* The group's leader is gone: a stand-in, forked by a member in the same session, leads it until
 * all have joined. */
static int provide_group(struct restore *r, struct restore_task *t)
{
	pid_t pgid = t->pstree->pgid;

	if (hash_get(&r->task_by_pid, pgid) || pgid == getpgrp())
		return 0;
	add_stand_in(r, pgid, t, sid_of(t), pgid);
	return 0;
}

/* --shell-job: what was the session and group of the root becomes the tool's own. */
static int adopt_shell(struct restore *r)
{
	pid_t sid = sid_of(r->root), pgid = r->root->pstree->pgid;

	if (leads_session(r->root))
		return 0;
	if (!r->s->opts->shell_job)
		return err_set(restore_err(r), ERR_USAGE, EINVAL,
			       "the root task %d does not lead its session %d; with --shell-job it "
			       "joins the session of the caller", r->root->vpid, sid);
	for (size_t i = 0; i < r->n_tasks; i++) {
		PstreeEntry *e = r->tasks[i]->pstree;

		if ((pid_t)e->sid == sid && !hash_get(&r->task_by_pid, sid))
			e->sid = getsid(0);
		if ((pid_t)e->pgid == pgid && !hash_get(&r->task_by_pid, pgid))
			e->pgid = getpgrp();
		if ((pid_t)e->pgid == sid && !hash_get(&r->task_by_pid, sid))
			e->pgid = getpgrp();
	}
	return 0;
}

int plan_sessions(struct restore *r)
{
	size_t n = r->n_tasks; /* stand-ins come behind */
	int ret = adopt_shell(r);

	for (size_t i = 0; ret == 0 && i < n; i++)
		if (r->tasks[i]->parent && !r->tasks[i]->helper)
			ret = choose_forker(r->tasks[i]);
	for (size_t i = 0; ret == 0 && i < n; i++)
		ret = provide_group(r, r->tasks[i]);
	for (size_t i = 0; ret == 0 && i < r->n_tasks; i++) {
		struct restore_task *t = r->tasks[i];

		if (t->forker)
			arena_push(restore_arena(r), t->forker->brood, t->forker->n_brood, t);
	}
	return ret;
}
