/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last step of a forked task in the tool's code: it maps the area with its programs into the
 * home range and jumps to the agent, which unmaps everything else.
 */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "base/coverage.h"
#include "engine/restore/leave.h"
#include "engine/restore/restore.h"
#include "objects/process/core.h"
#include "task/exits.h"

/* What each thread does when the tool that holds it is killed, beside the programs. */
static void make_exits(struct restore_task *t)
{
	size_t size = exits_size(t->n_threads);
	char *at = (char *)t->r->exits_at;

	if (mmap(at, size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != at) {
		err_sys(restore_err(t->r), "mmap", "can't map %zu bytes for ways out", size);
		task_fail(t->r);
	}
	for (size_t i = 0; i < t->n_threads; i++) {
		struct cpu_regs regs;
		const struct way_out way = {
			.regs = &regs,
			.mask = leave_mask(t, i),
			.word = (uint64_t)&t->r->shared->commit,
			.stop = !i && leave_stop_signal(t) ? SIGSTOP : 0,
		};

		if (cpu_regs(&t->threads[i], &regs, restore_err(t->r)) < 0)
			task_fail(t->r);
		way_out_fill((unsigned char *)at + exits_place(i), &way,
			     t->r->exits_at + exits_place(i));
	}
	if (mprotect(at, size, PROT_READ | PROT_EXEC) < 0) {
		err_sys(restore_err(t->r), "mprotect", "can't make the ways out executable");
		task_fail(t->r);
	}
}

static void fill(struct restore_task *t, uint64_t start, uint64_t end)
{
	if (start < end && mmap((void *)start, end - start, PROT_NONE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
				-1, 0) != (void *)start) {
		err_sys(restore_err(t->r), "mmap", "can't fill the home range");
		task_fail(t->r);
	}
}

/* For a task in which the kernel must not find a place there. */
static void fill_home(struct restore_task *t, size_t area)
{
	uint64_t exits = exits_size(t->n_threads);

	fill(t, t->r->exits_at + ((exits + 4095) & ~UINT64_C(4095)), t->area_addr);
	fill(t, t->area_addr + ((area + 4095) & ~UINT64_C(4095)), t->r->stage_from);
}

_Noreturn void enter_agent(struct restore_task *t)
{
	size_t size = area_size(t->area), code = area_code_size();
	char *at = (char *)t->area_addr;
	void *p = mmap(at, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p != at) {
		err_sys(restore_err(t->r), "mmap", "can't map %zu bytes of programs", size);
		task_fail(t->r);
	}
	area_copy(t->area, at);
	if (mprotect(at, code, PROT_READ | PROT_EXEC) < 0) {
		err_sys(restore_err(t->r), "mprotect", "can't make the agent executable");
		task_fail(t->r);
	}
	make_exits(t);
	if (t->fill_home)
		fill_home(t, size);
	coverage_note();
	t->r->shared->header[t->index] = t->threads[0].prog->header;
	((void (*)(void *, void *))at)(at + t->threads[0].prog->header, at);
	__builtin_unreachable();
}
