/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The NUMA memory policy of single areas (mbind(2)). The process itself asks for each of its areas
 * (get_mempolicy(2) with MPOL_F_ADDR): numa_maps would tell all at once, but counts every page for
 * it. For shared memory the policy is the object's, not the area's; it is set through each area
 * that shows it, to the same. Where pages lie now is not kept, nor is the home node of
 * set_mempolicy_home_node(2), which nothing tells.
 */
#include <errno.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "image/constants.h"
#include "objects/process/mempolicy.h"
#include "objects/process/process.h"
#include "objects/registry.h"

#define NOT_READ UINT32_MAX /* in place of a mode, before the call */

struct areapolicy_reads {
	size_t words;	/* of a node mask */
	size_t n;	/* areas that can have one */
	uint64_t slots; /* area offset: for each of them its mask, then its mode */
	call_id first;
};

/* --- dump ------------------------------------------------------------------------------------- */

/* The kernel takes no mask that is shorter than what nodes it could have. */
static size_t read_mask_words(void)
{
	char text[256] = "";
	_cleanup_file_ FILE *f = fopen("/sys/devices/system/node/possible", "re");
	const char *last;
	size_t words;

	if (!f || !fgets(text, sizeof(text), f))
		return NODE_WORDS;
	last = strrchr(text, '-') > strrchr(text, ',') ? strrchr(text, '-') : strrchr(text, ',');
	words = strtoul(last ? last + 1 : text, NULL, 10) / 64 + 1;
	return words < NODE_WORDS ? words : NODE_WORDS;
}

static size_t mask_words(void)
{
	static size_t words;

	if (!words)
		words = read_mask_words();
	return words;
}

static bool can_have_policy(const VmaEntry *e)
{
	return !(e->status &
		 (VMA_AREA_VDSO | VMA_AREA_VVAR | VMA_AREA_VSYSCALL | VMA_AREA_UPROBES));
}

static uint64_t slot_size(const struct areapolicy_reads *reads)
{
	return (reads->words + 1) * sizeof(uint64_t);
}

/* Where each area starts; its slot says that nothing was read. */
static void fill_tables(const struct dump_task *t, const struct areapolicy_reads *reads,
			uint64_t starts)
{
	const struct area *area = t->threads[0].prog->area;
	uint64_t *start = area_data(area, starts), *slot = area_data(area, reads->slots);

	for (size_t i = 0; i < t->n_vmas; i++) {
		const VmaEntry *e = t->vmas[i].vma;

		if (!can_have_policy(e))
			continue;
		*start++ = e->start;
		slot[reads->words] = NOT_READ;
		slot += reads->words + 1;
	}
}

/* There may be tens of thousands of areas: one call, made again for each of them. */
static int collect(struct dump_task *t)
{
	struct areapolicy_reads *reads;
	uint64_t starts, first, stride;
	struct program *p;

	if (t->zombie)
		return 0;
	p = t->threads[0].prog;
	reads = arena_new(dump_arena(t->dump), struct areapolicy_reads);
	t->priv[SLOT_AREAPOLICY] = reads;
	reads->words = mask_words();
	for (size_t i = 0; i < t->n_vmas; i++)
		reads->n += can_have_policy(t->vmas[i].vma);
	if (!reads->n)
		return 0;
	stride = slot_size(reads);
	reads->slots = area_reserve(p->area, reads->n * stride);
	starts = area_reserve(p->area, reads->n * sizeof(uint64_t));
	fill_tables(t, reads, starts);
	first = *(const uint64_t *)area_data(p->area, starts);
	program_note(p, "the memory policy of areas");
	reads->first = program_call(p, SYS_get_mempolicy,
				    AREA(reads->slots + reads->words * sizeof(uint64_t)),
				    AREA(reads->slots), IMM(reads->words * 64), IMM(first),
				    IMM(MPOL_F_ADDR));
	program_op(p, AGENT_AGAIN, reads->n - 1, IMM(stride), IMM(stride), IMM(0),
		   TABLE(starts + sizeof(uint64_t)));
	return 0;
}

static void keep(struct dump_task *t, const VmaEntry *vma, const uint64_t *nodes, size_t words)
{
	struct arena *a = dump_arena(t->dump);
	CrtoolsTaskEntry *x = t->extra;
	CrtoolsAreaPolicy *e = arena_msg(a, CrtoolsAreaPolicy, crtools_area_policy);

	e->has_start = e->has_end = e->has_mode = true;
	e->start = vma->start;
	e->end = vma->end;
	e->mode = *(const int *)&nodes[words];
	e->nodes = arena_memdup(a, nodes, words * sizeof(*nodes));
	e->n_nodes = words;
	while (e->n_nodes && !e->nodes[e->n_nodes - 1])
		e->n_nodes--;
	arena_push(a, x->area_policies, x->n_area_policies, e);
}

static int absorb(struct dump_task *t)
{
	const struct areapolicy_reads *reads =
		state_priv(t, SLOT_AREAPOLICY, struct areapolicy_reads);
	const struct program *p = t->threads[0].prog;
	const uint64_t *nodes;

	if (!reads->n || program_result(p, reads->first) == -ENOSYS) /* no CONFIG_NUMA */
		return 0;
	nodes = area_data(p->area, reads->slots);
	for (size_t i = 0; i < t->n_vmas; i++) {
		const VmaEntry *e = t->vmas[i].vma;
		uint32_t mode;

		if (!can_have_policy(e))
			continue;
		mode = nodes[reads->words];
		if (mode == NOT_READ)
			task_warn(t,
				  arena_printf(dump_arena(t->dump), "mapping %llx-%llx",
					       (unsigned long long)e->start,
					       (unsigned long long)e->end),
				  "its NUMA memory policy can't be read; it gets the default", "");
		else if (mode != MPOL_DEFAULT)
			keep(t, e, nodes, reads->words);
		nodes += reads->words + 1;
	}
	return 0;
}

/* --- restore ---------------------------------------------------------------------------------- */

static bool possible(const CrtoolsAreaPolicy *e, uint64_t nodes[NODE_WORDS])
{
	memset(nodes, 0, NODE_WORDS * sizeof(*nodes));
	if (e->n_nodes)
		memcpy(nodes, e->nodes, e->n_nodes * sizeof(*nodes));
	return mempolicy_works(e->mode, nodes);
}

static int check(struct restore_task *t)
{
	uint64_t nodes[NODE_WORDS];

	for (size_t i = 0; t->extra && i < t->extra->n_area_policies; i++) {
		const CrtoolsAreaPolicy *e = t->extra->area_policies[i];

		if (e->n_nodes > NODE_WORDS || e->start >= e->end)
			return image_bad(t, IMAGE_CRTOOLS_TASK, t->vpid,
					 "the memory policy %zu of an area has %zu words of nodes, "
					 "for the addresses from %llx to %llx",
					 i, e->n_nodes, (unsigned long long)e->start,
					 (unsigned long long)e->end);
		if (!possible(e, nodes))
			restored_warn(
				t,
				arena_printf(restore_arena(t->r), "mapping %llx-%llx",
					     (unsigned long long)e->start,
					     (unsigned long long)e->end),
				arena_printf(restore_arena(t->r),
					     "its NUMA memory policy (mode 0x%x) is impossible "
					     "here; it gets the default",
					     e->mode),
				"");
	}
	return 0;
}

static int emit(struct restore_task *t)
{
	struct program *p = t->threads[0].prog;
	uint64_t nodes[NODE_WORDS];

	program_stage(p, STAGE_PROTECT);
	program_note(p, "memory policy of an area");
	for (size_t i = 0; t->extra && i < t->extra->n_area_policies; i++) {
		const CrtoolsAreaPolicy *e = t->extra->area_policies[i];

		if (possible(e, nodes))
			program_do(p, SYS_mbind, IMM(e->start), IMM(e->end - e->start),
				   IMM(e->mode), AREA(area_put(p->area, nodes, sizeof(nodes))),
				   IMM(NODE_BITS + 1), IMM(0));
	}
	return 0;
}

const struct state_class areapolicy_state = {
	.name = "memory policy of areas",
	.collect = collect,
	.absorb = absorb,
	.check = check,
	.emit = emit,
};
