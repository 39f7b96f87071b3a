/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a tool that was killed has left in a process: threads that still stand in the foothold or in
 * the agent are led back to their program, and the agent's area and the foothold's bytes are taken
 * away, if they are provably ours.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/blob.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "kernel/ptrace.h"
#include "task/exits.h"
#include "task/visit_steps.h"

/* Its registers are what the program goes on with. */
static int put_back(struct thread_stop *t, uint64_t mask)
{
	int ret = ptrace_set_regs(t->tid, &t->regs, NULL);

	if (ret == 0)
		ret = ptrace_set_sigmask(t->tid, mask, NULL);
	t->sigmask = mask;
	return ret;
}

/* In the stub: its data say how the thread goes on. */
static bool heal_in_stub(const struct proc_stop *p, struct thread_stop *t)
{
	size_t code = agent_stub_size - sizeof(struct agent_stub_data);
	uint64_t page = regs_ip(&t->regs) & ~(PAGE - 1), ip = regs_ip(&t->regs) - page;
	unsigned char now[PAGE];
	struct agent_stub_data data;
	uint64_t mask;

	/* It begins at a multiple of 16 before the end of a page (find_spot), or after its start. */
	if (mem_read(p->mem_fd, page, now, PAGE) < 0)
		return false;
	for (size_t at = ip < code ? 0 : (ip - code) & ~15ul; at <= ip; at += 16) {
		if (at + agent_stub_size > PAGE || memcmp(now + at, agent_stub, code))
			continue;
		memcpy(&data, now + at + code, sizeof(data));
		way_out_read(&data, &t->regs, &mask);
		return put_back(t, mask) == 0;
	}
	return false;
}

/* A call of exec's that blocks, and would for ever. */
static void end_call(struct thread_stop *t)
{
	if (!regs_restarts(&t->regs))
		return;
	regs_end_call(&t->regs, -EINTR);
	ptrace_set_regs(t->tid, &t->regs, NULL);
}

/* In the agent's own code the header is in a register, but while the interpreter runs: then the
 * thread is let run on to the place where it tells its tracer that it is done. */
static bool heal_in_area(struct tree_stop *tree, const struct proc_stop *p, struct thread_stop *t)
{
	uint64_t area = regs_ip(&t->regs) & ~(PAGE - 1);
	unsigned char code[PAGE];
	struct agent_program head;
	size_t len = agent_blob_size < PAGE ? agent_blob_size : PAGE;

	if (mem_read(p->mem_fd, area, code, 16) < 0 || memcmp(code, agent_blob, 16) ||
	    mem_read(p->mem_fd, area, code, len) < 0 || memcmp(code, agent_blob, len))
		return false;
	for (int stops = 0; stops < 16; stops++) {
		struct ptrace_report report;
		uint64_t at = agent_header_of(&t->regs);

		if (at > area && mem_read(p->mem_fd, at, &head, sizeof(head)) == 0 &&
		    head.self == at - area) {
			agent_regs_put(&head.regs, &t->regs);
			return put_back(t, head.mask) == 0;
		}
		end_call(t);
		if (ptrace_cont(t->tid, 0, NULL) < 0 ||
		    tree_wait(tree, t->tid, &report, NULL) < 0 || report.kind == PTRACE_STOP_GONE ||
		    ptrace_get_regs(t->tid, &t->regs, NULL) < 0)
			return false;
	}
	return false;
}

void visit_heal(struct tree_stop *tree, struct proc_stop *p)
{
	for (size_t i = 0; i < p->n_threads; i++)
		if (heal_in_stub(p, &p->threads[i]) || heal_in_area(tree, p, &p->threads[i]))
			log_info(
				"thread %d was led back out of the agent of a tool that was killed",
				p->threads[i].tid);
}

static bool is_stub(const struct proc_stop *p, const struct visit_rest *rest)
{
	unsigned char now[WAY_OUT_MAX];
	size_t code = agent_stub_size - sizeof(struct agent_stub_data);

	return rest->saved_len == exit_room() &&
	       mem_read(p->mem_fd, rest->spot, now, exit_room()) == 0 &&
	       !memcmp(now, agent_stub, code);
}

/* Private, without a file or a name, without a gap; and it begins with the agent's code, or is as
 * empty as it was mapped. */
static bool is_area(const struct proc_stop *p, const struct proc_areas *areas,
		    const struct visit_rest *rest)
{
	uint64_t at = rest->addr, end = rest->addr + rest->size;
	static const unsigned char zeroes[PAGE];
	unsigned char code[PAGE];
	bool split = false;

	for (size_t i = 0; i < areas->n && at < end; i++) {
		const struct proc_area *a = &areas->areas[i];

		if (a->end <= at)
			continue;
		if (a->start > at || a->path[0] || a->shared || a->ino ||
		    (at == rest->addr && (a->start != at || a->prot != (PROT_READ | PROT_EXEC))))
			return false;
		split |= a->end < end;
		at = a->end;
	}
	if (at < end || mem_read(p->mem_fd, rest->addr, code, PAGE) < 0)
		return false;
	return !memcmp(code, agent_blob, agent_blob_size < PAGE ? agent_blob_size : PAGE) ||
	       (!split && !memcmp(code, zeroes, PAGE));
}

/* Of a restore: the page that the tasks share, the ways out, and at an offset that is known the
 * area, which ends where its neighbour does not touch it. The size becomes that of all. */
static bool is_home(const struct proc_stop *p, const struct proc_areas *areas,
		    struct visit_rest *rest)
{
	size_t stub = agent_stub_size - sizeof(struct agent_stub_data);
	uint64_t area = rest->addr + rest->size, end = area;
	unsigned char code[PAGE];

	for (size_t i = 0; i < areas->n; i++) {
		const struct proc_area *a = &areas->areas[i];
		bool private = !a->shared && !a->ino && !a->path[0];

		if (a->end <= rest->addr || a->start > end)
			continue;
		if (a->start >= area && a->start < end)
			return false;
		if (a->start >= area && !private)
			break;
		if (a->start == rest->addr && a->shared)
			continue;
		if (a->start < rest->addr || !private)
			return false;
		if (a->start > area) {
			end = a->end;
			continue;
		}
		if (a->prot != (PROT_READ | PROT_EXEC) ||
		    mem_read(p->mem_fd, a->start, code, PAGE) < 0)
			return false;
		if (a->start < area ? memcmp(code, agent_stub, stub)
				    : memcmp(code, agent_blob,
					     agent_blob_size < PAGE ? agent_blob_size : PAGE))
			return false;
		if (a->start == area)
			end = a->end;
	}
	rest->size = end - rest->addr;
	return end > area;
}

static bool points_in(const struct visit_rest *rest, uint64_t addr)
{
	return addr - rest->spot < exit_room() || addr - rest->addr < rest->size;
}

/*
 * A signal handler that interrupted our code returns there: its frame is on the thread's stack, and
 * meanwhile the thread blocks more than the frame says. Frames of handlers that have returned may
 * still be seen in the gaps of a stack; the thread's mask is then the frame's.
 */
static bool frame_on_stack(const struct proc_stop *p, const struct thread_stop *t,
			   const struct visit_rest *rest)
{
	const struct code_range ours[] = { { rest->spot, rest->spot + exit_room() },
					   { rest->addr, rest->addr + rest->size } };
	uint64_t words[4096], at = regs_sp(&t->regs) & ~7ul;

	/* Stacks end at different places: in smaller and smaller pieces. */
	for (size_t len = sizeof(words); len >= 512; len /= 2)
		if (mem_read(p->mem_fd, at, words, len) == 0)
			return agent_frame_among(words, len / sizeof(words[0]), ours,
						 ARRAY_SIZE(ours), t->sigmask);
	return false;
}

static bool is_in_use(const struct proc_stop *p, const struct visit_rest *rest)
{
	for (size_t i = 0; i < p->n_threads; i++) {
		const struct thread_stop *t = &p->threads[i];

		if (points_in(rest, regs_ip(&t->regs)) || frame_on_stack(p, t, rest))
			return true;
	}
	return false;
}

static int unmap_rest(struct tree_stop *tree, struct visit *v, struct err *err)
{
	int ret = visit_place_stub(v, err);

	v->step = STEP_MAPPED;
	if (ret == 0)
		ret = visit_start_leaving(tree, v, err);
	if (ret == 0)
		ret = visit_finish_leaving(tree, v, err);
	if (ret < 0)
		visit_abandon(v);
	return ret;
}

int visit_clean(struct tree_stop *tree, struct proc_stop *p, const struct proc_areas *areas,
		struct visit_rest *rest, struct err *err)
{
	unsigned char bytes[WAY_OUT_MAX] = { 0 };
	struct area gone = { .len = rest->size };
	struct visit v = { .proc = p,
			   .areas = areas,
			   .area = &gone,
			   .spot = rest->spot,
			   .addr = rest->addr,
			   .saved = bytes };
	int ret = 0;

	rest->stub_found = is_stub(p, rest);
	rest->area_found = rest->home ? is_home(p, areas, rest)
				      : rest->size && is_area(p, areas, rest);
	gone.len = rest->size;
	if (!rest->stub_found && !rest->area_found)
		return 0;
	if (is_in_use(p, rest))
		return -EAGAIN;
	if (rest->stub_found && rest->saved)
		memcpy(bytes, rest->saved, rest->saved_len);
	if (!rest->stub_found) {
		/* The foothold is the program's own again: another visit finds its own place. */
		v.saved = NULL;
		ret = visit_find_spot(&v, err);
	}
	if (ret == 0 && rest->area_found)
		ret = unmap_rest(tree, &v, err);
	else if (ret == 0)
		ret = mem_write(p->mem_fd, rest->spot, bytes, exit_room());
	if (v.saved != bytes)
		free(v.saved);
	return ret;
}
