/* SPDX-License-Identifier: Apache-2.0 */
/* The programs by which a forked task becomes the restored one: one for each thread, in one area. */
#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "engine/restore/restore.h"
#include "image/constants.h"
#include "kernel/address.h"
#include "objects/process/core.h"
#include "objects/process/process.h"
#include "objects/registry.h"

static void emit_unmap(struct program *p, uint64_t start, uint64_t end)
{
	if (start < end)
		program_do(p, SYS_munmap, IMM(start), IMM(end - start));
}

/* Everything that is neither an area that stands at its place nor the home range. */
static void emit_clearing(struct restore_task *t)
{
	struct program *p = t->threads[0].prog;
	uint64_t end = address_end(), at = 0, home = t->r->home, home_end = home + t->r->home_size;
	bool home_done = false;

	program_stage(p, STAGE_CLEAR);
	program_note(p, "the tool's own memory");
	for (size_t i = 0; i <= t->n_vmas; i++) {
		bool last = i == t->n_vmas;
		const struct restore_vma *v = last ? NULL : &t->vmas[i];
		uint64_t start = last ? end : v->e->start;

		if (!last && (!v->placed || v->addr != v->e->start))
			continue;
		if (start > end)
			start = end;
		if (!home_done && home < start) {
			emit_unmap(p, at, home);
			at = home_end;
			home_done = true;
		}
		emit_unmap(p, at, start);
		if (!last && v->e->end > at)
			at = v->e->end;
	}
}

static void emit_moving(struct restore_task *t, const struct restore_vma *v)
{
	struct program *p = t->threads[0].prog;
	uint64_t len = v->e->end - v->e->start;
	call_id id;

	if (!v->placed || v->addr == v->e->start)
		return;
	program_stage(p, STAGE_MAP);
	program_note(p, "memory area");
	id = program_call(p, SYS_mremap, IMM(v->addr), IMM(len), IMM(len),
			  IMM(MREMAP_MAYMOVE | MREMAP_FIXED), IMM(v->e->start));
	program_want(p, id, v->e->start);
}

static void emit_protection(struct restore_task *t, const struct restore_vma *v)
{
	struct program *p = t->threads[0].prog;
	uint64_t len = v->e->end - v->e->start;

	if (!v->placed)
		return;
	program_stage(p, STAGE_PROTECT);
	program_note(p, "memory area");
	if (v->prot != (int)v->e->prot)
		program_do(p, SYS_mprotect, IMM(v->e->start), IMM(len), IMM(v->e->prot));
}

static bool is_advised(const struct restore_vma *v, int advice)
{
	return v->placed && v->class->place && !v->class->emit && v->e->has_madv &&
	       v->e->madv & (UINT64_C(1) << advice);
}

/* Neighbours together: the stacks of a thousand threads are two thousand areas. */
static void emit_advice(struct restore_task *t, int advice)
{
	struct program *p = t->threads[0].prog;

	for (size_t i = 0; i < t->n_vmas; i++) {
		uint64_t start = t->vmas[i].e->start;

		if (!is_advised(&t->vmas[i], advice))
			continue;
		while (i + 1 < t->n_vmas && is_advised(&t->vmas[i + 1], advice) &&
		       t->vmas[i + 1].e->start == t->vmas[i].e->end)
			i++;
		program_do(p, SYS_madvise, IMM(start), IMM(t->vmas[i].e->end - start), IMM(advice));
	}
}

static void emit_all_advice(struct restore_task *t)
{
	uint64_t any = 0;

	for (size_t i = 0; i < t->n_vmas; i++)
		any |= t->vmas[i].e->has_madv ? t->vmas[i].e->madv : 0;
	program_stage(t->threads[0].prog, STAGE_PROTECT);
	program_note(t->threads[0].prog, "advice");
	for (int n = 0; n < 64; n++)
		if (any & (UINT64_C(1) << n))
			emit_advice(t, n);
}

static int emit_areas(struct restore_task *t)
{
	int ret = 0;

	emit_clearing(t);
	for (size_t i = 0; ret == 0 && i < t->n_vmas; i++) {
		struct restore_vma *v = &t->vmas[i];

		if (v->class->emit) {
			ret = v->class->emit(t, v);
		} else if (v->class->place) {
			emit_moving(t, v);
			emit_protection(t, v);
		}
	}
	emit_all_advice(t);
	return ret;
}

/* PR_SET_MM_MAP sets all at once and checks them together. */
static int emit_mm(struct restore_task *t)
{
	struct program *p = t->threads[0].prog;
	const MmEntry *mm = t->mm;
	struct prctl_mm_map map = {
		.start_code = mm->mm_start_code,
		.end_code = mm->mm_end_code,
		.start_data = mm->mm_start_data,
		.end_data = mm->mm_end_data,
		.start_brk = mm->mm_start_brk,
		.brk = mm->mm_brk,
		.start_stack = mm->mm_start_stack,
		.arg_start = mm->mm_arg_start,
		.arg_end = mm->mm_arg_end,
		.env_start = mm->mm_env_start,
		.env_end = mm->mm_env_end,
	};
	uint64_t auxv, off;
	int exe = service_open(t, mm->exe_file_id, O_RDONLY);

	if (exe < 0)
		return exe;
	map.auxv_size = mm->n_mm_saved_auxv * 8;
	auxv = area_put(p->area, mm->mm_saved_auxv, map.auxv_size);
	map.auxv = (void *)(t->area_addr + auxv);
	map.exe_fd = exe;
	program_stage(p, STAGE_MM);
	program_note(p, "layout of the address space, exe link");
	off = area_put(p->area, &map, sizeof(map));
	program_do(p, SYS_prctl, IMM(PR_SET_MM), IMM(PR_SET_MM_MAP), AREA(off), IMM(sizeof(map)),
		   IMM(0));
	return 0;
}

static void emit_threads(struct restore_task *t)
{
	struct program *p = t->threads[0].prog;
	uint64_t slack = 0;

	program_stage(p, STAGE_THREADS);
	for (size_t i = 1; i < t->n_threads; i++) {
		uint64_t wanted = attributes_slack_default(&t->threads[i]);
		pid_t tid = t->threads[i].vtid;
		uint64_t set_tid = area_put(p->area, &tid, sizeof(tid));
		struct clone_args args = {
			.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
				 CLONE_SYSVSEM,
			.set_tid = t->area_addr + set_tid,
			.set_tid_size = 1,
		};
		call_id id;

		program_note(p, "thread %d", tid);
		if (wanted && wanted != slack)
			program_do(p, SYS_prctl, IMM(PR_SET_TIMERSLACK), IMM(wanted));
		slack = wanted ? wanted : slack;
		id = program_op(p, AGENT_THREAD, 0, AREA(area_put(p->area, &args, sizeof(args))),
				IMM(sizeof(args)), IMM(i));
		program_want(p, id, tid);
	}
}

static int emit_state(struct restore_task *t)
{
	int ret = 0;

	for (size_t c = 0; ret == 0 && state_classes[c]; c++) {
		if (state_classes[c]->emit)
			ret = state_classes[c]->emit(t);
		for (size_t i = 0; ret == 0 && state_classes[c]->emit_thread && i < t->n_threads;
		     i++)
			ret = state_classes[c]->emit_thread(&t->threads[i]);
	}
	return ret;
}

static void prepare_headers(struct restore_task *t)
{
	struct restore_shared *shared = t->r->shared;

	for (size_t i = 0; i < t->n_threads; i++) {
		struct agent_program *head;

		t->threads[i].prog = program_new(t->area);
		head = &t->threads[i].prog->tmpl;
		head->end = AGENT_END_PARK;
		/* Offsets from the area reach the shared page as well as addresses would. */
		head->end_counter = (uint64_t)&shared->parked - t->area_addr;
		head->end_goal = t->r->n_living_threads;
		head->failed_counter = (uint64_t)&shared->bad - t->area_addr;
	}
}

int build_programs(struct restore_task *t)
{
	int ret;

	t->area = area_new();
	prepare_headers(t);
	ret = emit_areas(t);
	if (ret == 0)
		ret = emit_mm(t);
	if (ret == 0)
		ret = emit_descriptors(t);
	if (ret < 0)
		return ret;
	emit_threads(t);
	ret = emit_state(t);
	if (ret == 0)
		area_finish(t->area);
	return ret;
}
