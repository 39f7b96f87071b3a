/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has to be born below whom, and in which session, so that a recorded tree comes out: a pure
 * function over ids. It knows two rules of the kernel: a task is born in the session in which its
 * forker is at that moment, and leaves it only by setsid; and the children of a task that ends go
 * to its nearest living ancestor that is a subreaper.
 */
#ifndef ENGINE_LINEAGE_H
#define ENGINE_LINEAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct arena;

#define LINEAGE_NONE ((size_t)-1)

struct lineage_node {
	pid_t pid; /* 0: a helper of no meaning to others, any free id will do */
	pid_t sid;
	size_t parent; /* whose child it is at last; LINEAGE_NONE: the root */

	/* The plan. */
	size_t forker; /* LINEAGE_NONE: the root */
	bool early;    /* forked before the forker makes its session */
	bool sibling;  /* forked with CLONE_PARENT */
	bool adopted;  /* comes to its parent when the forker, a helper, ends */
	bool stand_in; /* not recorded: a session leader that is gone, or a helper */
	size_t turn;   /* of a helper: how many have been adopted when it ends */

	/* The planner's own. */
	size_t above; /* it is born below this one */
	bool below;   /* it must be a child of that one, for orphans to come by */
	size_t depth; /* that many are above it */
	pid_t born;   /* in this session; 0: in any, as it makes its own */
};

struct lineage {
	struct lineage_node *nodes; /* in: the recorded ones; out: stand-ins behind them */
	size_t n;
	pid_t outer; /* the session in which the root is born */
};

/* 0, or -ENOTSUP and the node whose session can't be reached from its parent. All is done when
 * every child is in its parent's session or leads one, and costs one look at each. */
int lineage_plan(struct lineage *l, struct arena *arena, size_t *ret_stuck);

#endif
