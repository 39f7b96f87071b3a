/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel itself maps into every process: the vdso's code, its data pages (vvar), and on
 * x86 the vsyscall page. The block of vvar and vdso is not filled: vdso_block.c brings it.
 *
 * Same code, same layout as at the dump: the block comes to the place where the program had it.
 *
 * Else (another kernel, or an image whose vdso was led over once already): the program goes on
 * calling the addresses that it knows. So the old code is restored from the image as plain memory,
 * each function's entry is overwritten with a jump to the new function (vdso_elf.c), and the new
 * block is mapped at a place that no area of the tree uses. The next dump finds the new block under
 * its name, and the old code as ordinary memory, whose jumps stay right: there is nothing to be
 * recognised, and it can be done again and again.
 *
 * A thread that was stopped inside of the old code can't go on there, as its data pages are gone,
 * unless it only returns from a system call.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "image/constants.h"
#include "image/registers.h"
#include "objects/memory/areas.h"
#include "objects/memory/vdso_block.h"
#include "objects/memory/vdso_code.h"
#include "objects/memory/vdso_elf.h"
#include "objects/registry.h"
#include "objects/restored.h"
#include "pages/fill.h"

#define MAX_CODE (64u << 10)

/* Of a restored task. */
struct task_vdso {
	bool relinked;
	struct restore_vma *code; /* the area of the old code */
};

/* --- dump ------------------------------------------------------------------------------------- */

static bool match_vdso(const struct dump_task *t, const struct proc_area *a)
{
	(void)t;
	return !strcmp(a->path, "[vdso]");
}

static int collect_vdso(struct dump_task *t, const struct proc_area *a, VmaEntry *e)
{
	(void)t;
	(void)a;
	e->status = VMA_AREA_REGULAR | VMA_AREA_VDSO | VMA_ANON_PRIVATE;
	e->flags |= MAP_ANONYMOUS;
	e->pgoff = 0;
	return 0;
}

static bool match_vvar(const struct dump_task *t, const struct proc_area *a)
{
	(void)t;
	return !strncmp(a->path, "[vvar", 5);
}

/* The pages of the clocks and those of the virtual clocks (Linux 6.13) are two areas that follow
 * each other; in the images they are one, as CRIU has it. */
static int collect_vvar(struct dump_task *t, const struct proc_area *a, VmaEntry *e)
{
	VmaEntry *last = t->n_vmas ? t->vmas[t->n_vmas - 1].vma : NULL;

	if (last && (last->status & VMA_AREA_VVAR) && last->end == a->start) {
		last->end = a->end;
		return 0;
	}
	e->status = VMA_AREA_REGULAR | VMA_AREA_VVAR | VMA_ANON_PRIVATE;
	e->flags |= MAP_ANONYMOUS;
	e->pgoff = 0;
	return 0;
}

static bool match_vsyscall(const struct dump_task *t, const struct proc_area *a)
{
	(void)t;
	return !strcmp(a->path, "[vsyscall]") || !strcmp(a->path, "[vectors]");
}

static int collect_vsyscall(struct dump_task *t, const struct proc_area *a, VmaEntry *e)
{
	(void)t;
	(void)a;
	e->status = VMA_AREA_VSYSCALL | VMA_ANON_PRIVATE;
	e->flags |= MAP_ANONYMOUS;
	e->pgoff = 0;
	return 0;
}

/* --- same or not -------------------------------------------------------------------------------- */

static bool claims_vdso(const VmaEntry *e)
{
	return e->status & VMA_AREA_VDSO;
}

static bool claims_vvar(const VmaEntry *e)
{
	return e->status & VMA_AREA_VVAR;
}

static bool claims_vsyscall(const VmaEntry *e)
{
	return e->status & VMA_AREA_VSYSCALL;
}

/* Where the block would start, if all areas of the image are parts of one like this kernel's. */
static bool same_layout(const struct restore_task *t, const struct vdso_block *b,
			uint64_t *ret_start)
{
	uint64_t start = 0;
	bool any = false;

	for (size_t i = 0; i < t->n_vmas; i++) {
		const VmaEntry *e = t->vmas[i].e;
		bool code = claims_vdso(e), found = false;

		if (!code && !claims_vvar(e))
			continue;
		for (size_t k = 0; k < b->n && !found; k++) {
			const struct vdso_part *p = &b->parts[k];

			found = p->code == code && p->len == e->end - e->start &&
				e->start >= p->off && (!any || e->start - p->off == start);
			if (found)
				start = e->start - p->off;
		}
		if (!found)
			return false;
		any = true;
	}
	*ret_start = start;
	return any;
}

/* For tests, which have one kernel only. */
static bool relink_wanted(void)
{
	const char *hook = getenv("CRTOOLS_RELINK_VDSO");

	return hook && !strcmp(hook, "1");
}

static int same_code(struct restore_task *t, struct page_pool *pool, const VmaEntry *e,
		     const struct vdso_block *b, bool *ret_same)
{
	size_t len = e->end - e->start;
	unsigned char *bytes;
	int ret;

	*ret_same = false;
	if (!b->vdso || len != b->vdso->len || relink_wanted())
		return 0;
	bytes = arena_alloc(restore_arena(t->r), len);
	ret = page_pool_read(pool, e->start, len, bytes);
	*ret_same = ret == 0 && !memcmp(bytes, b->code, len);
	return ret;
}

/* Does the old code have to stay? */
static int must_relink(struct restore_task *t, struct page_pool *pool, const VmaEntry *e, bool *ret)
{
	const struct vdso_block *b;
	uint64_t start;
	bool same;
	int err = vdso_block_of(t, &b);

	if (err == 0)
		err = same_code(t, pool, e, b, &same);
	if (err == 0)
		*ret = !same || !same_layout(t, b, &start);
	return err;
}

static int check_threads(struct restore_task *t, const VmaEntry *e, struct page_pool *pool)
{
	unsigned char code[MAX_CODE];
	int ret = page_pool_read(pool, e->start, e->end - e->start, code);

	for (size_t i = 0; ret == 0 && i < t->n_threads; i++) {
		uint64_t ip = registers_ip(t->threads[i].core);

		if (ip < e->start || ip >= e->end || vdso_code_after_call(code, ip - e->start))
			continue;
		restored_refuse(t,
				arena_printf(restore_arena(t->r), "thread %d", t->threads[i].vtid),
				"was stopped inside of the vdso, which is another one here",
				"restore on the kernel of the dump, or dump once more");
	}
	return ret;
}

static bool thread_inside(const struct restore_task *t, const VmaEntry *e)
{
	for (size_t i = 0; i < t->n_threads; i++) {
		uint64_t ip = registers_ip(t->threads[i].core);

		if (ip >= e->start && ip < e->end)
			return true;
	}
	return false;
}

static int check_vdso(struct restore_task *t, struct restore_vma *v)
{
	const struct vdso_block *b;
	struct page_pool pool;
	bool relink = false;
	int ret;

	if (v->e->end - v->e->start > MAX_CODE)
		return area_corrupt(t, v, "size");
	ret = vdso_block_of(t, &b);
	if (ret < 0 || !thread_inside(t, v->e))
		return ret;
	ret = page_pool_open(&pool, t->r->s->images, IMAGE_PAGEMAP, t->vpid, restore_err(t->r));
	if (ret == 0)
		ret = must_relink(t, &pool, v->e, &relink);
	if (ret == 0 && relink)
		ret = check_threads(t, v->e, &pool);
	page_pool_close(&pool);
	return ret;
}

/* --- restore ------------------------------------------------------------------------------------ */

static struct task_vdso *task_vdso(struct restore_task *t)
{
	if (!t->priv[SLOT_VDSO])
		t->priv[SLOT_VDSO] = arena_new(restore_arena(t->r), struct task_vdso);
	return t->priv[SLOT_VDSO];
}

/* The old code, as plain memory; the engine fills it. The new one is not there yet. */
static int place_vdso(struct restore_task *t, struct restore_vma *v, uint64_t at, int flags)
{
	struct task_vdso *mine = task_vdso(t);
	int ret = must_relink(t, t->pages, v->e, &mine->relinked);

	if (ret < 0 || !mine->relinked)
		return ret;
	return area_mmap(t, v, at, PROT_READ | PROT_WRITE, flags | MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
}

/* Behind the home range, well before the next area; it stays when that range goes. */
static uint64_t new_place(const struct restore_task *t)
{
	return t->r->home + t->r->home_size + PAGE_SIZE_;
}

/* In the memory of the task, before its programs run. */
int vdso_prepare(struct restore_task *t)
{
	struct task_vdso *mine = t->priv[SLOT_VDSO];
	struct vdso_image old, new;
	const struct vdso_block *b;
	struct restore_vma *v = NULL;
	const char *name = "?";
	int ret;

	for (size_t i = 0; i < t->n_vmas && !v; i++)
		if (claims_vdso(t->vmas[i].e) && t->vmas[i].placed)
			v = &t->vmas[i];
	if (!v)
		return 0;
	mine = task_vdso(t);
	mine->relinked = true;
	mine->code = v;
	ret = vdso_block_of(t, &b);
	if (ret < 0)
		return ret;
	ret = vdso_parse((void *)v->addr, v->e->end - v->e->start, &old);
	if (ret < 0)
		return area_corrupt(t, v, "vdso: it is no ELF library");
	ret = b->vdso ? vdso_parse(b->code, b->vdso->len, &new) : -EBADMSG;
	if (ret == 0 && old.wide == new.wide)
		ret = vdso_relink((void *)v->addr, &old, v->e->start, &new,
				  new_place(t) + b->vdso->off, &name);
	if (ret < 0)
		return err_set(restore_err(t->r), ERR_KERNEL, -ret,
			       "task %d: the vdso's function %s can't be led to this kernel's",
			       t->vpid, name);
	log_debug("task %d: vdso at %llx leads to %llx", t->vpid, (unsigned long long)v->e->start,
		  (unsigned long long)(new_place(t) + b->vdso->off));
	return 0;
}

/* Parts that the program had unmapped. */
static void emit_trimming(struct restore_task *t, const struct vdso_block *b, uint64_t start)
{
	struct program *p = t->threads[0].prog;

	for (size_t k = 0; k < b->n; k++) {
		bool wanted = false;

		for (size_t i = 0; i < t->n_vmas; i++)
			wanted |= (claims_vdso(t->vmas[i].e) || claims_vvar(t->vmas[i].e)) &&
				  t->vmas[i].e->start == start + b->parts[k].off;
		if (!wanted)
			program_do(p, SYS_munmap, IMM(start + b->parts[k].off),
				   IMM(b->parts[k].len));
	}
}

int vdso_emit(struct restore_task *t)
{
	const struct task_vdso *mine = t->priv[SLOT_VDSO];
	struct program *p = t->threads[0].prog;
	const struct vdso_block *b;
	uint64_t start = 0, at;
	int ret = 0;
	bool any = false;

	for (size_t i = 0; i < t->n_vmas; i++)
		any |= claims_vdso(t->vmas[i].e) || claims_vvar(t->vmas[i].e);
	if (any)
		ret = vdso_block_of(t, &b);
	if (!any || ret < 0 || !b->vdso)
		return ret;
	/* Without code that it could be led from, a block of another kernel is of no use. */
	if (!(mine && mine->relinked) && !same_layout(t, b, &start))
		return 0;
	at = mine && mine->relinked ? new_place(t) : start;
	program_stage(p, STAGE_VDSO);
	program_note(p, "vdso");
	vdso_block_emit(t, b, at);
	program_want(p, program_op(p, AGENT_LOAD, 0, IMM(at + b->vdso->off), IMM(4)), 0x464c457f);
	if (at == start)
		emit_trimming(t, b, start);
	return 0;
}

const struct area_class vdso_area = {
	.name = "vdso",
	.match = match_vdso,
	.collect = collect_vdso,
	.claims = claims_vdso,
	.check = check_vdso,
	.place = place_vdso,
};

const struct area_class vvar_area = {
	.name = "vvar",
	.match = match_vvar,
	.collect = collect_vvar,
	.claims = claims_vvar,
};

const struct area_class vsyscall_area = {
	.name = "vsyscall",
	.match = match_vsyscall,
	.collect = collect_vsyscall,
	.claims = claims_vsyscall,
};
