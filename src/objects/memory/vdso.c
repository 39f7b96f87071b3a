/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel itself maps into every process: the vdso's code, its data pages (vvar), and on
 * x86 the vsyscall page. They are not saved and restored but moved: the restored task takes its
 * own kernel's ones to the places where the program expects them (engine/vdso part of the plan).
 */
#include <asm/prctl.h>
#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "image/constants.h"
#include "objects/memory/areas.h"

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

static bool claims_vdso(const VmaEntry *e)
{
	return e->status & VMA_AREA_VDSO;
}

static bool match_vvar(const struct dump_task *t, const struct proc_area *a)
{
	(void)t;
	return !strncmp(a->path, "[vvar", 5);
}

static int collect_vvar(struct dump_task *t, const struct proc_area *a, VmaEntry *e)
{
	(void)t;
	(void)a;
	e->status = VMA_AREA_REGULAR | VMA_AREA_VVAR | VMA_ANON_PRIVATE;
	e->flags |= MAP_ANONYMOUS;
	e->pgoff = 0;
	return 0;
}

static bool claims_vvar(const VmaEntry *e)
{
	return e->status & VMA_AREA_VVAR;
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

static bool claims_vsyscall(const VmaEntry *e)
{
	return e->status & VMA_AREA_VSYSCALL;
}

/* Where the tool's own vvar and vdso begin; they are one block. */
static int own_block(struct restore_task *t, uint64_t *ret_start, uint64_t *ret_vdso)
{
	struct proc_buf buf = { 0 };
	struct proc self = PROC_INIT;
	struct proc_areas areas;
	int ret = proc_open(&self, getpid(), &buf, restore_err(t->r));

	if (ret == 0)
		ret = proc_maps(&self, restore_arena(t->r), &areas, restore_err(t->r));
	*ret_start = *ret_vdso = 0;
	for (size_t i = 0; ret == 0 && i < areas.n; i++) {
		const struct proc_area *a = &areas.areas[i];

		if (!*ret_start && (!strncmp(a->path, "[vvar", 5) || !strcmp(a->path, "[vdso]")))
			*ret_start = a->start;
		if (!strcmp(a->path, "[vdso]"))
			*ret_vdso = a->start;
	}
	proc_close(&self);
	proc_buf_free(&buf);
	return ret;
}

/* By then the tool's own block is unmapped; the kernel maps a new one at the place asked for. */
static int emit_vdso(struct restore_task *t, struct restore_vma *v)
{
	struct program *p = t->threads[0].prog;
	uint64_t start, vdso;
	int ret = own_block(t, &start, &vdso);

	if (ret < 0)
		return ret;
	program_stage(p, STAGE_VDSO);
	program_note(p, "vdso");
	program_do(p, SYS_arch_prctl, IMM(ARCH_MAP_VDSO_64), IMM(v->e->start - (vdso - start)));
	return 0;
}

const struct area_class vdso_area = {
	.name = "vdso",
	.match = match_vdso,
	.collect = collect_vdso,
	.claims = claims_vdso,
	.emit = emit_vdso,
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
