/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The NUMA memory policy of a thread (set_mempolicy(2)); only the thread itself can read it. Those
 * of areas are the areas'. It is set after memory is filled: where pages lie now is not kept.
 *
 * Nodes that the target lacks: the kernel leaves them out, and refuses a policy of which nothing is
 * left. Such a policy is dropped, with a warning.
 */
#include <errno.h>
#include <linux/mempolicy.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "objects/process/mempolicy.h"
#include "objects/process/process.h"
#include "objects/registry.h"

struct mempolicy_reads {
	uint64_t mode, nodes; /* area offsets */
	call_id call;
};

static int collect_thread(struct dump_thread *th)
{
	struct mempolicy_reads *reads =
		arena_new(dump_arena(th->task->dump), struct mempolicy_reads);
	struct program *p = th->prog;

	reads->mode = area_reserve(p->area, sizeof(int));
	reads->nodes = area_reserve(p->area, NODE_WORDS * sizeof(uint64_t));
	program_note(p, "the memory policy of thread %d", th->vtid);
	reads->call = program_call(p, SYS_get_mempolicy, AREA(reads->mode), AREA(reads->nodes),
				   IMM(NODE_BITS), IMM(0), IMM(0));
	th->priv[SLOT_MEMPOLICY] = reads;
	return 0;
}

static int absorb_thread(struct dump_thread *th)
{
	struct mempolicy_reads *reads = state_priv(th, SLOT_MEMPOLICY, struct mempolicy_reads);
	int64_t ret = program_result(th->prog, reads->call);
	CrtoolsThreadEntry *e = th->extra;
	int mode;

	if (ret == -ENOSYS) /* no CONFIG_NUMA */
		return 0;
	if (ret < 0)
		return err_set(dump_err(th->task->dump), ERR_KERNEL, -ret,
			       "can't read the memory policy of thread %d", th->vtid);
	mode = *(int *)area_data(th->prog->area, reads->mode);
	if (mode == MPOL_DEFAULT)
		return 0;
	e->has_mempolicy_mode = true;
	e->mempolicy_mode = mode;
	e->n_mempolicy_nodes = NODE_WORDS;
	e->mempolicy_nodes = arena_memdup(dump_arena(th->task->dump),
					  area_data(th->prog->area, reads->nodes),
					  NODE_WORDS * sizeof(uint64_t));
	while (e->n_mempolicy_nodes && !e->mempolicy_nodes[e->n_mempolicy_nodes - 1])
		e->n_mempolicy_nodes--;
	return 0;
}

static bool wanted(const CrtoolsThreadEntry *e, uint64_t nodes[NODE_WORDS])
{
	if (!e || !e->has_mempolicy_mode || e->n_mempolicy_nodes > NODE_WORDS)
		return false;
	memset(nodes, 0, NODE_WORDS * sizeof(uint64_t));
	if (e->n_mempolicy_nodes)
		memcpy(nodes, e->mempolicy_nodes, e->n_mempolicy_nodes * sizeof(uint64_t));
	return true;
}

/* set_mempolicy(2) takes one bit less than it is told. */
static int try_policy(int mode, const uint64_t *nodes)
{
	return syscall(SYS_set_mempolicy, mode, nodes, nodes ? NODE_BITS + 1 : 0) < 0 ? -errno : 0;
}

bool mempolicy_works(int mode, const uint64_t nodes[NODE_WORDS])
{
	uint64_t own_nodes[NODE_WORDS] = { 0 };
	int own = MPOL_DEFAULT, ret;

	if (syscall(SYS_get_mempolicy, &own, own_nodes, NODE_BITS, NULL, 0) < 0)
		return false;
	ret = try_policy(mode, nodes);
	if (ret == 0)
		try_policy(own, own == MPOL_DEFAULT ? NULL : own_nodes);
	return ret == 0;
}

static int check(struct restore_task *t)
{
	uint64_t nodes[NODE_WORDS];

	if (t->zombie || t->helper)
		return 0;
	for (size_t i = 0; i < t->n_threads; i++) {
		struct restore_thread *th = &t->threads[i];

		if (th->extra && th->extra->n_mempolicy_nodes > NODE_WORDS)
			return image_bad(t, IMAGE_CRTOOLS_TASK, t->vpid,
					 "thread %d has %zu words of memory nodes", th->vtid,
					 th->extra->n_mempolicy_nodes);
		if (wanted(th->extra, nodes) && !mempolicy_works(th->extra->mempolicy_mode, nodes))
			restored_warn(t, arena_printf(restore_arena(t->r), "thread %d", th->vtid),
				      arena_printf(restore_arena(t->r),
						   "its NUMA memory policy (mode 0x%x) "
						   "is impossible here; it gets the default",
						   th->extra->mempolicy_mode),
				      "");
	}
	return 0;
}

static int emit_thread(struct restore_thread *th)
{
	uint64_t nodes[NODE_WORDS];
	struct program *p = th->prog;

	if (!wanted(th->extra, nodes) || !mempolicy_works(th->extra->mempolicy_mode, nodes))
		return 0;
	program_stage(p, STAGE_RIGHTS);
	program_note(p, "memory policy of thread %d", th->vtid);
	program_do(p, SYS_set_mempolicy, IMM(th->extra->mempolicy_mode),
		   AREA(area_put(p->area, nodes, sizeof(nodes))), IMM(NODE_BITS + 1));
	return 0;
}

const struct state_class mempolicy_state = {
	.name = "memory policy",
	.collect_thread = collect_thread,
	.absorb_thread = absorb_thread,
	.check = check,
	.emit_thread = emit_thread,
};
