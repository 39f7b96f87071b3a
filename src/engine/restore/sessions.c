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
 *    of the leader forks it and ends, while its parent is a subreaper. The same goes for leaders
 *    that have come up past their members' parents.
 *
 * What is chosen for each is found in lineage.c. Memory and descriptors are inherited from the
 * forker.
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "engine/restore/lineage.h"
#include "engine/restore/restore.h"

static pid_t sid_of(const struct restore_task *t)
{
	return t->pstree->sid;
}

static bool leads_session(const struct restore_task *t)
{
	return sid_of(t) == t->vpid;
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
				    .leads_group = pgid == pid,
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

/* Ids that neither the tree nor anybody else has. */
struct unused {
	struct hash groups; /* of the tree; filled when the first id is asked for */
	pid_t cursor;
};

static void note_groups(struct restore *r, struct unused *u)
{
	for (size_t i = 0; i < r->n_tasks; i++)
		if (r->tasks[i]->pstree->pgid)
			hash_put(&u->groups, r->tasks[i]->pstree->pgid, r->tasks[i]);
	u->cursor = 32000;
}

static int unused_id(struct restore *r, struct unused *u, pid_t *ret_id)
{
	if (!u->cursor)
		note_groups(r, u);
	while (--u->cursor > 300)
		if (!hash_get(&r->task_by_pid, u->cursor) && !hash_get(&r->thread_ids, u->cursor) &&
		    !hash_get(&u->groups, u->cursor) && kill(u->cursor, 0) < 0 && errno == ESRCH) {
			*ret_id = u->cursor;
			return 0;
		}
	return err_set(restore_err(r), ERR_RESOURCE, EAGAIN, "no process id is free");
}

static int add_stand_ins(struct restore *r, const struct lineage *l, struct unused *unused)
{
	int ret = 0;

	/* Leaders come before helpers: no helper takes the id of one. */
	for (size_t i = r->n_tasks; ret == 0 && i < l->n; i++) {
		const struct lineage_node *node = &l->nodes[i];
		pid_t id = node->pid;

		if (!id)
			ret = unused_id(r, unused, &id);
		if (ret == 0)
			add_stand_in(r, id, r->root, node->sid, node->pid);
	}
	return ret;
}

static void take_plan(struct restore *r, const struct lineage *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct lineage_node *node = &l->nodes[i];
		struct restore_task *t = r->tasks[i];

		if (node->forker == LINEAGE_NONE)
			continue;
		t->forker = r->tasks[node->forker];
		t->parent = r->tasks[node->parent];
		t->pstree->ppid = t->parent->vpid;
		t->early = node->early;
		t->sibling = node->sibling;
		t->adopted = node->adopted;
		t->turn = node->turn;
		t->parent->adopts = t->parent->adopts || t->adopted;
	}
}

/* A stand-in that a class has asked for leads the session that has its id, if there is one. */
static void lead_wanted(struct restore *r)
{
	for (size_t i = 0; i < r->n_tasks; i++) {
		struct restore_task *t = hash_get(&r->task_by_pid, sid_of(r->tasks[i]));

		if (t && t->helper)
			t->pstree->sid = t->pstree->pgid = t->vpid;
	}
}

static int choose_forkers(struct restore *r, struct unused *unused)
{
	struct lineage l = { .n = r->n_tasks, .outer = getsid(0) };
	size_t stuck = 0;
	int ret;

	l.nodes = arena_array(restore_arena(r), struct lineage_node, l.n);
	for (size_t i = 0; i < l.n; i++) {
		const struct restore_task *t = r->tasks[i];

		l.nodes[i].pid = t->vpid;
		l.nodes[i].sid = sid_of(t);
		l.nodes[i].parent = t->parent ? t->parent->index : LINEAGE_NONE;
	}
	ret = lineage_plan(&l, restore_arena(r), &stuck);
	if (ret < 0)
		return err_set(restore_err(r), ERR_LATER, EOPNOTSUPP,
			       "task %d is in session %d: no way was found to make it there, "
			       "and bring it to its parent",
			       l.nodes[stuck].pid, l.nodes[stuck].sid);
	ret = add_stand_ins(r, &l, unused);
	if (ret == 0)
		take_plan(r, &l);
	return ret;
}

/* The group's leader is gone: a stand-in, forked by a member in the same session, leads it until
 * all have joined. */
static void provide_group(struct restore *r, struct restore_task *t)
{
	pid_t pgid = t->pstree->pgid;
	struct restore_task *leader = hash_get(&r->task_by_pid, pgid);

	if (leader)
		leader->leads_group = true;
	else if (pgid && pgid != getpgrp())
		add_stand_in(r, pgid, t, sid_of(t), pgid);
}

/* A group whose leader has gone to another one ends with its last member; so while there is none
 * but such leaders, which go from group to group at the same time, a stand-in is in it. */
static int hold_group(struct restore *r, struct restore_task *leader, struct unused *unused)
{
	pid_t id;
	int ret;

	if (!restore_leaves_group(leader))
		return 0;
	for (size_t i = 0; i < r->n_tasks; i++)
		if ((pid_t)r->tasks[i]->pstree->pgid == leader->vpid &&
		    !restore_leaves_group(r->tasks[i]))
			return 0;
	ret = unused_id(r, unused, &id);
	if (ret == 0)
		add_stand_in(r, id, leader, sid_of(leader), leader->vpid);
	return ret;
}

/* --shell-job: what was the session and group of the root becomes the tool's own. */
static int adopt_shell(struct restore *r)
{
	pid_t sid = sid_of(r->root), pgid = r->root->pstree->pgid;

	if (leads_session(r->root))
		return 0;
	if (!r->s->opts->shell_job)
		return err_set(restore_err(r), ERR_USAGE, 0,
			       "the root task %d does not lead its session %d, which is not in the "
			       "images; with --shell-job it joins the session of the caller",
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

int plan_sessions(struct restore *r)
{
	struct unused unused = { 0 };
	int ret = adopt_shell(r);
	size_t n;

	lead_wanted(r);
	if (ret == 0)
		ret = choose_forkers(r, &unused);
	n = r->n_tasks; /* stand-ins for groups come behind */
	for (size_t i = 0; ret == 0 && i < n; i++)
		provide_group(r, r->tasks[i]);
	for (size_t i = 0; ret == 0 && i < n; i++)
		ret = hold_group(r, r->tasks[i], &unused);
	hash_free(&unused.groups);
	for (size_t i = 0; ret == 0 && i < r->n_tasks; i++) {
		struct restore_task *t = r->tasks[i];

		if (t->forker)
			arena_push(restore_arena(r), t->forker->brood, t->forker->n_brood, t);
	}
	return ret;
}
