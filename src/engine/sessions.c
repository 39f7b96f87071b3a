/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who forks whom. A process belongs to the session in which it was forked, unless it makes its own;
 * a process group needs its leader's process at the time others join. So:
 *
 *  - a child in its parent's session is forked after the parent has made its session (setsid);
 *  - a child in the session in which the parent itself was forked is forked before that (early);
 *  - a child in the session of a sibling is forked by the sibling, with CLONE_PARENT;
 *  - a child in a session whose leader is gone is forked by a stand-in for that leader, a sibling
 *    that ends before the tree runs;
 *  - a child in the session of a leader further below was orphaned once, and is so again: a child
 * of the leader forks it and ends, while its parent is a subreaper.
 *
 * Memory and descriptors are inherited from the forker.
 */
#include <errno.h>
#include <signal.h>
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

	*t = (struct restore_task){ .r = r,
				    .parent = parent,
				    .forker = parent,
				    .vpid = pid,
				    .helper = true,
				    .index = r->n_tasks };
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

static size_t depth(const struct restore_task *t)
{
	size_t n = 0;

	for (; t->parent; t = t->parent)
		n++;
	return n;
}

static bool is_ancestor(const struct restore_task *a, const struct restore_task *t)
{
	for (; t; t = t->parent)
		if (t == a)
			return true;
	return false;
}

/* Where the stand-in for a session leader belongs: below the deepest of the parents whose children
 * are in that session; all others are ancestors of that one. */
static struct restore_task *deepest_parent(const struct restore_task *t)
{
	struct restore_task *best = t->parent;

	for (size_t i = 0; i < t->r->n_tasks; i++) {
		struct restore_task *o = t->r->tasks[i];

		if (o->parent && sid_of(o) == sid_of(t) && sid_of(o->parent) != sid_of(o) &&
		    depth(o->parent) > depth(best))
			best = o->parent;
	}
	return best;
}

/* An id that neither the tree nor anybody else has. */
static pid_t unused_id(struct restore *r)
{
	for (pid_t id = 32000; id > 300; id--)
		if (!hash_get(&r->task_by_pid, id) && !hash_get(&r->thread_ids, id) &&
		    kill(id, 0) < 0 && errno == ESRCH)
			return id;
	return 0;
}

/* A child of the session's leader that forks t and ends: t comes to its parent as an orphan, the
 * parent being a subreaper for that long. */
static int pass_on(struct restore_task *t, struct restore_task *leader)
{
	pid_t id = unused_id(t->r);

	if (!id)
		return err_set(restore_err(t->r), ERR_RESOURCE, EAGAIN, "no process id is free");
	t->forker = add_stand_in(t->r, id, leader, sid_of(t), sid_of(t));
	t->adopted = t->parent->adopts = true;
	return 0;
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
	if (!leader)
		leader = add_stand_in(t->r, sid_of(t), deepest_parent(t), sid_of(t), sid_of(t));
	if (leader->parent == p) {
		t->forker = leader;
		return 0;
	}
	if (is_ancestor(p, leader))
		return pass_on(t, leader);
	return err_set(
		restore_err(t->r), ERR_LATER, EOPNOTSUPP,
		"task %d is in session %d, whose leader is not below the task's parent; that "
		"can't be rebuilt",
		t->vpid, sid_of(t));
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
			       "joins the session of the caller",
			       r->root->vpid, sid);
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

/* Adoptions go from the bottom of the tree to the top. */
static void plan_turns(struct restore *r)
{
	for (size_t i = 0; i < r->n_tasks; i++) {
		struct restore_task *t = r->tasks[i];

		for (size_t k = 0; t->adopted && k < r->n_tasks; k++)
			t->forker->turn += r->tasks[k]->adopted &&
					   depth(r->tasks[k]->parent) > depth(t->parent);
	}
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
	plan_turns(r);
	for (size_t i = 0; ret == 0 && i < r->n_tasks; i++) {
		struct restore_task *t = r->tasks[i];

		if (t->forker)
			arena_push(restore_arena(r), t->forker->brood, t->forker->n_brood, t);
	}
	return ret;
}
