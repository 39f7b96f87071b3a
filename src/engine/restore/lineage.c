/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See lineage.h. Each node is born below one that is recorded, or below a session leader that is
 * gone (its place is free); at first that is its parent. What has to hold of a node x that is born
 * below z, in session B:
 *
 *  - z is in session B then: for good, or, should z lead another one, before it made that one. Then
 *    z has to be born in B itself, and the same holds of it;
 *  - or x is born further down instead: below the leader of B, which is below z. It comes up to its
 *    parent when a helper in between ends.
 *
 * A leader that is not below z by now may still have been born there, and have been orphaned later:
 * then the branch that holds it is born below z too. Every such move leaves all nodes that were
 * above another one above it, so nothing that was settled is undone, and a parent is always above
 * its children. Where there is a choice that turns out wrong, it is taken back (trail); what can't
 * be settled at all is settled first in the next round.
 */
#include "engine/restore/lineage.h"

#include <errno.h>

#include "base/arena.h"
#include "base/hash.h"

#define ROUNDS	    200
#define ROUND_STEPS 20000 /* of the search, for each round and each 100 nodes */

struct change {
	size_t node, above;
	pid_t born;
};

struct planner {
	struct lineage *l;
	struct arena *arena;
	struct lineage_node *nodes;
	struct hash by_pid;
	struct change *trail;
	size_t n_trail, steps, round;
};

static bool settle(struct planner *p, size_t x);

static bool leads(const struct planner *p, size_t x)
{
	return p->nodes[x].sid == p->nodes[x].pid;
}

static size_t leader_of(const struct planner *p, pid_t sid)
{
	const struct lineage_node *found = sid == p->l->outer ? NULL : hash_get(&p->by_pid, sid);

	return found ? (size_t)(found - p->nodes) : LINEAGE_NONE;
}

static bool unplaced(const struct planner *p, size_t x)
{
	return p->nodes[x].stand_in && p->nodes[x].above == LINEAGE_NONE;
}

static void change(struct planner *p, size_t x, size_t above, pid_t born)
{
	const struct change old = { x, p->nodes[x].above, p->nodes[x].born };

	arena_push(p->arena, p->trail, p->n_trail, old);
	p->nodes[x].above = above;
	p->nodes[x].born = born;
}

static void move(struct planner *p, size_t x, size_t above)
{
	change(p, x, above, p->nodes[x].born);
}

static void take_back(struct planner *p, size_t mark)
{
	while (p->n_trail > mark) {
		const struct change *c = &p->trail[--p->n_trail];

		p->nodes[c->node].above = c->above;
		p->nodes[c->node].born = c->born;
	}
}

static size_t depth(const struct planner *p, size_t x)
{
	size_t n = 0;

	for (; p->nodes[x].above != LINEAGE_NONE; x = p->nodes[x].above)
		n++;
	return n;
}

static bool is_above(const struct planner *p, size_t a, size_t x)
{
	while (x != LINEAGE_NONE && x != a)
		x = p->nodes[x].above;
	return x == a;
}

/* Where the ways up from a and b meet: the last node of each before that. */
static void fork_point(const struct planner *p, size_t a, size_t b, size_t *ret_a, size_t *ret_b)
{
	size_t da = depth(p, a), db = depth(p, b);

	*ret_a = *ret_b = LINEAGE_NONE;
	while (a != b) {
		bool up_a = da >= db, up_b = db >= da;

		if (up_a) {
			*ret_a = a;
			a = p->nodes[a].above;
			da--;
		}
		if (up_b) {
			*ret_b = b;
			b = p->nodes[b].above;
			db--;
		}
	}
}

static bool move_to(struct planner *p, size_t x, size_t above)
{
	size_t mark = p->n_trail;

	move(p, x, above);
	if (settle(p, x))
		return true;
	take_back(p, mark);
	return false;
}

/* Sees to it that x is born below z: x's branch is moved there, or first z's branch below one of
 * those above x. */
static bool bring_below(struct planner *p, size_t x, size_t z)
{
	size_t mark = p->n_trail, of_x, of_z;

	if (unplaced(p, x)) {
		move(p, x, z);
		return true;
	}
	if (x == z || is_above(p, x, z))
		return false;
	if (is_above(p, z, x))
		return true;
	fork_point(p, x, z, &of_x, &of_z);
	if (move_to(p, of_x, z))
		return true;
	if (of_z == LINEAGE_NONE)
		return false;
	for (size_t y = x; y != of_x;) {
		y = p->nodes[y].above;
		if (move_to(p, of_z, y) && bring_below(p, x, z))
			return true;
		take_back(p, mark);
	}
	return false;
}

/* The node above x was in that session before it made its own. */
static bool settle_early(struct planner *p, size_t x)
{
	size_t z = p->nodes[x].above, mark = p->n_trail;

	if (!leads(p, z) || p->nodes[z].born)
		return false;
	change(p, z, p->nodes[z].above, p->nodes[x].born);
	if (settle(p, z))
		return true;
	take_back(p, mark);
	return false;
}

static bool settle_below(struct planner *p, size_t x, size_t leader)
{
	size_t mark = p->n_trail;

	if (leader == LINEAGE_NONE || leader == x)
		return false;
	if (bring_below(p, leader, p->nodes[x].above) && !is_above(p, x, leader)) {
		move(p, x, leader);
		return true;
	}
	take_back(p, mark);
	return false;
}

static bool settle(struct planner *p, size_t x)
{
	size_t z = p->nodes[x].above, leader;
	pid_t born = p->nodes[x].born;

	if (z == LINEAGE_NONE)
		return p->nodes[x].stand_in || born == p->l->outer;
	if (!born || p->nodes[z].sid == born || (leads(p, z) && p->nodes[z].born == born))
		return true;
	if (!p->steps)
		return false;
	p->steps--;
	leader = leader_of(p, born);
	/* Which is tried first is no more than a guess; later rounds try the other. */
	if ((leader != LINEAGE_NONE && unplaced(p, leader)) != (p->round % 4 == 3))
		return settle_below(p, x, leader) || settle_early(p, x);
	return settle_early(p, x) || settle_below(p, x, leader);
}

/* All in this order; the place of the first that can't be settled, or n. */
static size_t settle_all(struct planner *p, const size_t *order, size_t n)
{
	p->steps = ROUND_STEPS * (1 + n / 100);
	for (size_t i = 0; i < n; i++)
		if (!settle(p, order[i]))
			return i;
	return n;
}

static bool is_odd(const struct lineage_node *nodes, size_t x)
{
	const struct lineage_node *node = &nodes[x];

	return node->parent != LINEAGE_NONE && node->sid != node->pid &&
	       node->sid != nodes[node->parent].sid;
}

/* 0: the leader is above, so the parent was in its session; 1: only one way, too; 2: a choice. */
static int urgency(const struct planner *p, size_t x)
{
	size_t leader = leader_of(p, p->nodes[x].sid), parent = p->nodes[x].parent;

	if (leader == LINEAGE_NONE || (!unplaced(p, leader) && is_above(p, leader, parent)))
		return 0;
	return leads(p, parent) && !is_above(p, parent, leader) ? 2 : 1;
}

static size_t *choose_order(struct planner *p, size_t n_recorded, size_t *ret_n)
{
	size_t *order = arena_array(p->arena, size_t, n_recorded), n = 0;

	for (int wanted = 0; wanted < 3; wanted++)
		for (size_t i = 0; i < n_recorded; i++)
			if (is_odd(p->nodes, i) && urgency(p, i) == wanted)
				order[n++] = i;
	*ret_n = n;
	return order;
}

static int search(struct planner *p, size_t n_recorded, size_t *ret_stuck)
{
	size_t n, bad, *order = choose_order(p, n_recorded, &n);

	for (p->round = 0; p->round < ROUNDS; p->round++) {
		bad = settle_all(p, order, n);
		if (bad == n)
			return 0;
		take_back(p, 0);
		*ret_stuck = order[bad];
		for (; bad; bad--)
			order[bad] = order[bad - 1];
		order[0] = *ret_stuck;
	}
	return -ENOTSUP;
}

static size_t add_node(struct planner *p, pid_t pid, pid_t sid)
{
	size_t i = p->l->n++;

	p->nodes[i] = (struct lineage_node){ .pid = pid,
					     .sid = sid,
					     .parent = LINEAGE_NONE,
					     .forker = LINEAGE_NONE,
					     .above = LINEAGE_NONE,
					     .stand_in = true };
	if (pid)
		hash_put(&p->by_pid, pid, &p->nodes[i]);
	return i;
}

static void add_helper(struct planner *p, size_t x)
{
	struct lineage_node *node = &p->nodes[x];
	size_t z = node->above, h = add_node(p, 0, node->born);

	p->nodes[h].parent = p->nodes[h].forker = p->nodes[h].above = z;
	p->nodes[h].depth = p->nodes[z].depth + 1;
	p->nodes[h].early = node->early;
	node->forker = h;
	node->early = false;
	node->adopted = true;
}

/* Who forks this node: the one above it if that is its parent, or if that is its parent's child
 * (CLONE_PARENT); else a helper. */
static void choose_forker(struct planner *p, size_t x)
{
	struct lineage_node *node = &p->nodes[x];
	const struct lineage_node *above;

	node->forker = node->above;
	if (node->above == LINEAGE_NONE)
		return;
	above = &p->nodes[node->above];
	if (node->stand_in)
		node->parent = node->above;
	if (!node->born)
		node->born = above->sid;
	node->early = above->sid != node->born;
	node->depth = depth(p, x);
	if (node->parent == node->above)
		return;
	if (above->parent == node->parent && above->above == node->parent && !node->below)
		node->sibling = true;
	else
		add_helper(p, x);
}

/* Whoever is on the way up from an orphan to its parent, just below that, has to be its child: no
 * sibling's clone. */
static void keep_below(struct planner *p, size_t x)
{
	size_t parent = p->nodes[x].parent, y = p->nodes[x].above;

	if (y == parent || p->nodes[x].stand_in)
		return;
	while (p->nodes[y].above != parent)
		y = p->nodes[y].above;
	p->nodes[y].below = true;
}

/* Those who adopt furthest below go first: they are nearer than those above. */
static void plan_turns(struct planner *p)
{
	size_t *below = arena_array(p->arena, size_t, p->l->n + 2);

	for (size_t i = 0; i < p->l->n; i++)
		if (p->nodes[i].adopted)
			below[p->nodes[p->nodes[i].parent].depth]++;
	for (size_t d = p->l->n + 1; d-- > 0;)
		below[d] += below[d + 1];
	for (size_t i = 0; i < p->l->n; i++)
		if (p->nodes[i].adopted)
			p->nodes[p->nodes[i].forker].turn =
				below[p->nodes[p->nodes[i].parent].depth + 1];
}

static int plan_odd(struct lineage *l, struct arena *arena, size_t *ret_stuck)
{
	struct planner p = { .l = l, .arena = arena };
	size_t n_recorded = l->n, n;
	int ret;

	/* At most one leader that is gone, and one helper, for each. */
	p.nodes = arena_array(arena, struct lineage_node, 3 * l->n);
	for (size_t i = 0; i < l->n; i++) {
		p.nodes[i] = l->nodes[i];
		p.nodes[i].born = leads(&p, i) ? 0 : p.nodes[i].sid;
		if (p.nodes[i].parent == LINEAGE_NONE)
			p.nodes[i].born = l->outer;
		hash_put(&p.by_pid, p.nodes[i].pid, &p.nodes[i]);
	}
	l->nodes = p.nodes;
	for (size_t i = 0; i < n_recorded; i++)
		if (is_odd(p.nodes, i) && p.nodes[i].sid != l->outer &&
		    !hash_get(&p.by_pid, p.nodes[i].sid))
			add_node(&p, p.nodes[i].sid, p.nodes[i].sid);
	ret = search(&p, n_recorded, ret_stuck);
	n = l->n;
	for (size_t i = 0; ret == 0 && i < n; i++)
		p.nodes[i].depth = depth(&p, i);
	for (size_t i = 0; ret == 0 && i < n; i++)
		keep_below(&p, i);
	for (size_t i = n; ret == 0 && i-- > 0;)
		choose_forker(&p, i);
	if (ret == 0)
		plan_turns(&p);
	hash_free(&p.by_pid);
	return ret;
}

int lineage_plan(struct lineage *l, struct arena *arena, size_t *ret_stuck)
{
	bool odd = false;

	for (size_t i = 0; i < l->n; i++) {
		struct lineage_node *node = &l->nodes[i];

		node->forker = node->above = node->parent;
		odd = odd || is_odd(l->nodes, i);
	}
	return odd ? plan_odd(l, arena, ret_stuck) : 0;
}
