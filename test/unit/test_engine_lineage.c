/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans for random trees. A model of the kernel grows a tree by forks, sibling clones, deaths,
 * setsid and subreapers coming and going; another one carries out the plan for what can be seen of
 * it, and must come to the same parents and sessions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/arena.h"
#include "engine/restore/lineage.h"

#define TASKS 400
#define TREES 4000

/* A task is its index; its id is that plus 1. */
struct task {
	bool exists, zombie, subreaper;
	size_t parent;
	pid_t sid;
};

struct world {
	struct task tasks[TASKS];
	size_t n;
};

static uint32_t seed;

static uint32_t chance(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

static size_t world_fork(struct world *w, size_t by, bool sibling)
{
	size_t parent = sibling ? w->tasks[by].parent : by;

	w->tasks[w->n] = (struct task){ .exists = true, .parent = parent, .sid = w->tasks[by].sid };
	return w->n++;
}

static void world_exit(struct world *w, size_t i)
{
	size_t to = w->tasks[i].parent;

	while (to && (!w->tasks[to].subreaper || w->tasks[to].zombie))
		to = w->tasks[to].parent;
	for (size_t c = 0; c < w->n; c++)
		if (w->tasks[c].exists && c && w->tasks[c].parent == i)
			w->tasks[c].parent = to;
	w->tasks[i].zombie = true;
}

static size_t any_alive(const struct world *w)
{
	size_t i;

	do
		i = chance(w->n);
	while (!w->tasks[i].exists || w->tasks[i].zombie);
	return i;
}

static void world_step(struct world *w)
{
	size_t i = any_alive(w);

	switch (chance(10)) {
	case 0 ... 3:
		world_fork(w, i, false);
		break;
	case 4:
		if (i)
			world_fork(w, i, true);
		break;
	case 5 ... 6:
		if (i)
			world_exit(w, i);
		break;
	case 7:
		w->tasks[i].subreaper = chance(2);
		break;
	case 8:
		w->tasks[i].sid = i + 1;
		break;
	default:
		if (w->tasks[i = chance(w->n)].zombie)
			w->tasks[i].exists = false;
	}
}

static void world_grow(struct world *w, size_t steps)
{
	*w = (struct world){ .n = 1 };
	w->tasks[0] = (struct task){ .exists = true, .subreaper = true, .sid = 1 };
	while (steps-- && w->n < TASKS)
		world_step(w);
}

static void look(const struct world *w, struct lineage *l, size_t *index)
{
	l->n = 0;
	for (size_t i = 0; i < w->n; i++) {
		if (!w->tasks[i].exists)
			continue;
		index[i] = l->n;
		l->nodes[l->n++] = (struct lineage_node){ .pid = i + 1, .sid = w->tasks[i].sid };
	}
	for (size_t i = 0; i < w->n; i++)
		if (w->tasks[i].exists)
			l->nodes[index[i]].parent = i ? index[w->tasks[i].parent] : LINEAGE_NONE;
}

struct born {
	size_t parent;
	pid_t sid;
	bool alive, adopts;
};

/* A node and all that it forks. */
static void give_birth(const struct lineage *l, struct born *b, size_t i)
{
	for (int late = 0; late < 2; late++) {
		if (late && l->nodes[i].pid && l->nodes[i].pid == l->nodes[i].sid)
			b[i].sid = l->nodes[i].pid;
		for (size_t c = 0; c < l->n; c++) {
			const struct lineage_node *node = &l->nodes[c];

			if (node->forker != i || node->early == late)
				continue;
			assert_false(b[c].alive);
			b[c].alive = true;
			b[c].parent = node->sibling ? b[i].parent : i;
			b[c].sid = b[i].sid;
			if (node->adopted)
				b[node->parent].adopts = true;
			give_birth(l, b, c);
		}
	}
}

/* Adopters are subreapers until they have all of theirs. */
static bool still_adopts(const struct lineage *l, const struct born *b, size_t i)
{
	for (size_t c = 0; b[i].adopts && c < l->n; c++)
		if (l->nodes[c].adopted && l->nodes[c].parent == i && b[c].parent != i)
			return true;
	return false;
}

static void bury(const struct lineage *l, struct born *b, size_t i)
{
	size_t to = b[i].parent;

	while (l->nodes[to].parent != LINEAGE_NONE && !still_adopts(l, b, to))
		to = b[to].parent;
	for (size_t c = 0; c < l->n; c++)
		if (b[c].parent == i)
			b[c].parent = to;
	b[i].alive = false;
}

/* As tasks do it: who waits the least goes first; the root is node 0. */
static void carry_out(const struct lineage *l, struct born *b)
{
	size_t come = 0;

	b[0] = (struct born){ .parent = LINEAGE_NONE, .sid = l->outer, .alive = true };
	give_birth(l, b, 0);
	for (bool more = true; more;) {
		size_t best = LINEAGE_NONE;

		for (size_t i = 0; i < l->n; i++)
			if (b[i].alive && l->nodes[i].stand_in && !l->nodes[i].pid &&
			    (best == LINEAGE_NONE || l->nodes[i].turn < l->nodes[best].turn))
				best = i;
		more = best != LINEAGE_NONE;
		if (more) {
			assert_true(l->nodes[best].turn <= come++);
			bury(l, b, best);
		}
	}
}

static void check(const struct lineage *l, const struct born *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		assert_true(b[i].alive);
		assert_int_equal(b[i].sid, l->nodes[i].sid);
		assert_int_equal(b[i].parent, l->nodes[i].parent);
	}
	for (size_t i = n; i < l->n; i++) {
		assert_int_equal(b[i].sid, l->nodes[i].sid);
		/* A leader that is gone has no children left when it ends. */
		for (size_t c = 0; c < l->n && b[i].alive; c++)
			assert_true(!b[c].alive || b[c].parent != i);
	}
}

static void try_tree(uint32_t number, size_t *stands)
{
	static struct world w;
	struct arena arena = { 0 };
	struct lineage l = { .outer = 10000 };
	size_t index[TASKS], n, stuck = 0;
	struct born *b;

	seed = 1 + number * 2654435761u;
	world_grow(&w, 10 + number % 600);
	l.nodes = arena_array(&arena, struct lineage_node, w.n);
	look(&w, &l, index);
	n = l.n;
	if (lineage_plan(&l, &arena, &stuck) < 0)
		fail_msg("tree %u: node %zu (id %d) is stuck", number, stuck, l.nodes[stuck].pid);
	b = arena_array(&arena, struct born, l.n);
	carry_out(&l, b);
	check(&l, b, n);
	*stands += l.n - n;
	arena_free(&arena);
}

static void test_random(void **state)
{
	size_t stands = 0;

	(void)state;
	for (uint32_t i = 0; i < TREES; i++)
		try_tree(i, &stands);
	assert_true(stands > TREES);
}

/* Nothing is added, and nobody is born out of turn, where no session is odd. */
static void test_plain(void **state)
{
	struct arena arena = { 0 };
	struct lineage_node nodes[] = {
		{ .pid = 10, .sid = 10, .parent = LINEAGE_NONE },
		{ .pid = 11, .sid = 10, .parent = 0 },
		{ .pid = 12, .sid = 12, .parent = 1 },
		{ .pid = 13, .sid = 12, .parent = 2 },
	};
	struct lineage l = { .nodes = nodes, .n = 4, .outer = 1 };
	size_t stuck;

	(void)state;
	assert_int_equal(lineage_plan(&l, &arena, &stuck), 0);
	assert_ptr_equal(l.nodes, nodes);
	assert_int_equal(l.n, 4);
	assert_null(arena.blocks);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(nodes[i].forker, nodes[i].parent);
		assert_false(nodes[i].early || nodes[i].sibling || nodes[i].adopted);
	}
}

/* No history leads here: a session that nobody above was in, led by a task above. */
static void test_impossible(void **state)
{
	struct arena arena = { 0 };
	struct lineage_node nodes[] = {
		{ .pid = 10, .sid = 10, .parent = LINEAGE_NONE },
		{ .pid = 11, .sid = 11, .parent = 0 },
		{ .pid = 12, .sid = 11, .parent = 1 },
		{ .pid = 13, .sid = 10, .parent = 2 },
	};
	struct lineage l = { .nodes = nodes, .n = 4, .outer = 1 };
	size_t stuck;

	(void)state;
	assert_int_not_equal(lineage_plan(&l, &arena, &stuck), 0);
	assert_int_equal(stuck, 3);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_impossible),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
