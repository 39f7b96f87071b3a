/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A visit of the agent, step by step, for all processes at the same time:
 *
 *  1. Foothold. A stub of some 300 bytes (arch/<a>/stub.S) is written to bytes of an executable
 *     mapping that nobody uses: the zeroes behind the vdso's image. Its data say how the thread
 *     goes on if the tool dies.
 *  2. One thread's registers are pointed at the stub, and its signals are blocked: in this order,
 *     since from then on the stub would unblock them again. It maps the area.
 *  3. The area is filled through /proc/PID/mem. Each thread's registers are pointed at the agent,
 *     which runs the thread's program and stops by sending itself a signal that the tool takes
 *     away; without a tool the signal does nothing, and the agent puts the registers back.
 *  4. The results are read. Masks and registers of all threads are put back, masks first. The
 *     first thread unmaps the area from the stub before, and the stub's bytes become zero again.
 *
 * Registers are put back as they were found, so that the kernel itself restarts an interrupted
 * system call, with its restart block (programs make no call that would take its place).
 */
#include "task/infect.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "agent/blob.h"
#include "base/cleanup.h"
#include "base/fault.h"
#include "base/log.h"
#include "kernel/address.h"
#include "kernel/ptrace.h"
#include "task/exits.h"
#include "task/memory_limit.h"
#include "task/visit_steps.h"

static struct thread_stop *visitor(const struct visit *v)
{
	return &v->proc->threads[0];
}

static size_t n_programs(const struct visit *v)
{
	return v->area->n_programs;
}

/* The end of an executable private mapping: of the vdso if there is one, since behind its image
 * there are only zeroes, else of another one whose bytes are put back afterwards. */
int visit_find_spot(struct visit *v, struct err *err)
{
	const struct proc_area *best = NULL;
	static const unsigned char zeroes[WAY_OUT_MAX];

	for (size_t i = 0; i < v->areas->n; i++) {
		const struct proc_area *a = &v->areas->areas[i];

		if (!(a->prot & PROT_EXEC) || a->shared || a->start >= (UINT64_C(1) << 63))
			continue;
		if (!best || !strcmp(a->path, "[vdso]"))
			best = a;
		if (!strcmp(a->path, "[vdso]"))
			break;
	}
	if (!best)
		return err_set(err, ERR_AGENT, ENOEXEC,
			       "process %d has no executable private mapping to run the agent from",
			       v->proc->pid);
	v->spot = best->end - exit_room();
	v->saved = malloc(exit_room());
	if (!v->saved)
		return err_set(err, ERR_RESOURCE, ENOMEM, "no memory");
	int ret = mem_read(v->proc->mem_fd, v->spot, v->saved, exit_room());

	if (ret < 0)
		return err_set(err, ERR_AGENT, -ret, "can't read the code of process %d at 0x%llx",
			       v->proc->pid, (unsigned long long)v->spot);
	if (memcmp(v->saved, zeroes, exit_room()))
		log_debug("process %d: the agent's foothold at 0x%llx takes bytes in use",
			  v->proc->pid, (unsigned long long)v->spot);
	return 0;
}

/* The way out of a thread, for a stub that will lie at this address. */
static void fill_stub(unsigned char *stub, const struct thread_stop *t, uint64_t at)
{
	const struct way_out way = { .regs = &t->regs, .mask = t->sigmask };

	way_out_fill(stub, &way, at);
}

int visit_place_stub(struct visit *v, struct err *err)
{
	unsigned char stub[WAY_OUT_MAX];
	int ret;

	fill_stub(stub, visitor(v), v->spot);
	ret = mem_write(v->proc->mem_fd, v->spot, stub, agent_stub_size);
	if (ret < 0)
		return err_set(err, ERR_AGENT, -ret,
			       "can't write the agent's foothold into process %d at 0x%llx",
			       v->proc->pid, (unsigned long long)v->spot);
	v->step = STEP_SPOT;
	return 0;
}

static int stand_at(struct thread_stop *t, uint64_t stub, struct err *err)
{
	return exit_stand(t->tid, &t->regs, stub, err);
}

/* Lets the visitor enter a system call at the stub; wait_syscall() is its other half. */
static int start_syscall(struct visit *v, long nr, const uint64_t arg[6], struct err *err)
{
	struct thread_stop *t = visitor(v);
	struct cpu_regs regs = t->regs;
	int ret;

	regs_set_syscall(&regs, v->spot, nr, arg);
	ret = stand_at(t, v->spot, err);
	if (ret == 0)
		ret = fault_at("visit-standing", err);
	if (ret == 0)
		ret = ptrace_set_sigmask(t->tid, ~UINT64_C(0), err);
	if (ret == 0)
		ret = fault_at("visit-standing-blocked", err);
	if (ret == 0)
		ret = ptrace_set_regs(t->tid, &regs, err);
	if (ret == 0)
		ret = fault_at("visit-call", err);
	if (ret == 0)
		ret = ptrace_syscall(t->tid, 0, err);
	return ret;
}

static int agent_killed(pid_t tid, struct err *err)
{
	char limit[512];

	if (memory_limit_killed(tid, limit, sizeof(limit)))
		return err_set(err, ERR_RESOURCE, ENOMEM,
			       "thread %d was killed while the agent was in it, most likely by the "
			       "kernel: %s",
			       tid, limit);
	return err_set(err, ERR_TASK_CHANGED, ESRCH,
		       "thread %d was killed while the agent was in it", tid);
}

/* A thread that was let run has to stop as expected; a stop by something else (a SIGSTOP that
 * arrives, which is kept for later, our own trap) is passed over. */
static int wait_stop(struct tree_stop *tree, struct visit *v, struct thread_stop *t,
		     enum ptrace_stop kind, int signo, bool syscalls, struct err *err)
{
	for (;;) {
		struct ptrace_report report;
		int ret = tree_wait(tree, t->tid, &report, err);

		if (ret < 0)
			return ret;
		if (report.kind == PTRACE_STOP_GONE) {
			t->gone = true;
			t->frozen = false;
			return agent_killed(t->tid, err);
		}
		/* In a stopped process a trap shows as the group's stop. */
		if (report.kind == PTRACE_STOP_GROUP && kind == PTRACE_STOP_TRAP)
			return 0;
		if (report.kind == kind && (!signo || report.signo == signo))
			return 0;
		if (report.kind == PTRACE_STOP_SIGNAL && report.signo == SIGSTOP)
			v->proc->late_stop = true;
		if (report.kind == PTRACE_STOP_SIGNAL &&
		    (report.signo == SIGSEGV || report.signo == SIGILL || report.signo == SIGBUS ||
		     report.signo == SIGSYS || report.signo == SIGTRAP || report.signo == SIGFPE))
			return err_set(err, ERR_AGENT, EFAULT,
				       "the agent got signal %d in thread %d", report.signo,
				       t->tid);
		ret = syscalls ? ptrace_syscall(t->tid, 0, err) : ptrace_cont(t->tid, 0, err);
		if (ret < 0)
			return ret;
	}
}

static int wait_syscall(struct tree_stop *tree, struct visit *v, int64_t *ret_result,
			struct err *err)
{
	struct thread_stop *t = visitor(v);
	struct cpu_regs regs;
	int ret = wait_stop(tree, v, t, PTRACE_STOP_SYSCALL, 0, true, err); /* entry */

	if (ret == 0)
		ret = ptrace_syscall(t->tid, 0, err);
	if (ret == 0)
		ret = wait_stop(tree, v, t, PTRACE_STOP_SYSCALL, 0, true, err); /* exit */
	if (ret == 0)
		ret = ptrace_get_regs(t->tid, &regs, err);
	if (ret == 0)
		*ret_result = regs_result(&regs);
	return ret;
}

/* A hole below the stack that the kernel may use; 32-bit programs need one below 4 GiB. */
static uint64_t find_hole(const struct visit *v, size_t size)
{
	uint64_t limit = regs_compat(&visitor(v)->regs) ? 0xf0000000
							: address_window() - (UINT64_C(1) << 36);
	uint64_t end = limit;

	for (size_t i = v->areas->n; i-- > 0;) {
		const struct proc_area *a = &v->areas->areas[i];

		if (a->start >= limit)
			continue;
		if (a->end < end && end - a->end >= size + 64 * PAGE)
			return end - size - 32 * PAGE;
		end = a->start < end ? a->start : end;
	}
	return 0;
}

static int start_mapping(struct visit *v, struct err *err)
{
	size_t size = area_size(v->area);
	uint64_t arg[6] = {
		v->hint, size, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0
	};
	int ret;

	ret = visit_place_stub(v, err);
	if (ret == 0)
		ret = fault_at("visit-stub", err);
	if (ret == 0)
		ret = start_syscall(v, SYS_mmap, arg, err);
	if (ret == 0)
		v->step = STEP_MAPPING;
	return ret;
}

static int pick_signal(const struct visit *v)
{
	/* Ignored by default: nothing happens if nobody takes them away. */
	static const int preferred[] = { SIGURG, SIGWINCH, SIGCHLD };

	for (size_t i = 0; i < ARRAY_SIZE(preferred); i++)
		if (v->quiet_signals & (UINT64_C(1) << (preferred[i] - 1)))
			return preferred[i];
	/* All three are in use (Go handles every signal, and sends itself SIGURG). Any other one
	 * might end a process whose tracer is gone; these tell of nothing that a handler has to
	 * believe. */
	for (size_t i = 0; i < ARRAY_SIZE(preferred); i++)
		if (!(v->pending_signals & (UINT64_C(1) << (preferred[i] - 1))))
			return preferred[i];
	return SIGURG;
}

/* Offset of a thread's way out in the area. */
static uint64_t exit_of(const struct visit *v, size_t i)
{
	return area_size(v->area) - v->area->exits + exits_place(i);
}

static int stand_at_exit(const struct visit *v, size_t i, struct err *err)
{
	return stand_at(&v->proc->threads[i], v->addr + exit_of(v, i), err);
}

static int write_exits(const struct visit *v)
{
	size_t room = v->area->exits;
	unsigned char *exits = calloc(1, room);
	int ret = exits ? 0 : -ENOMEM;

	for (size_t i = 0; exits && i < n_programs(v); i++)
		fill_stub(exits + exit_of(v, i) - exit_of(v, 0), &v->proc->threads[i],
			  v->addr + exit_of(v, i));
	if (ret == 0)
		ret = mem_write(v->proc->mem_fd, v->addr + exit_of(v, 0), exits, room);
	free(exits);
	return ret;
}

static void prepare_headers(struct visit *v)
{
	v->stop_signo = pick_signal(v);
	v->area->exits = exits_size(n_programs(v));
	for (size_t i = 0; i < n_programs(v); i++) {
		struct agent_program *tmpl = &v->area->programs[i]->tmpl;

		tmpl->end = AGENT_END_RESUME;
		tmpl->stop_signo = v->stop_signo;
		tmpl->mask = v->proc->threads[i].sigmask;
		agent_regs_take(&tmpl->regs, &v->proc->threads[i].regs);
	}
	area_finish(v->area);
	for (size_t i = 0; i < n_programs(v); i++) {
		struct agent_program *head = area_data(v->area, v->area->programs[i]->header);

		head->exit = exit_of(v, i) + AGENT_STUB_OUT;
	}
}

static int await_mapping(struct tree_stop *tree, struct visit *v, struct err *err)
{
	int64_t addr;
	int ret = wait_syscall(tree, v, &addr, err);

	if (ret < 0)
		return ret;
	v->step = STEP_SPOT;
	if (addr < 0 && addr > -4096)
		return err_set(err, addr == -ENOMEM ? ERR_RESOURCE : ERR_AGENT, -addr,
			       "process %d has no room for the agent's %zu bytes: the limit of its "
			       "address space (prlimit --as) or of the number of its areas "
			       "(vm.max_map_count) may be reached",
			       v->proc->pid, area_size(v->area));
	v->addr = addr;
	v->step = STEP_MAPPED;
	if (v->addr != v->hint)
		journal_add(tree->journal, "area %d %llu %llx %zx\n", v->proc->pid,
			    (unsigned long long)v->proc->start_time, (unsigned long long)addr,
			    area_size(v->area));
	return 0;
}

static int finish_mapping(struct tree_stop *tree, struct visit *v, struct err *err)
{
	int ret = await_mapping(tree, v, err);

	if (ret == 0)
		ret = fault_at("visit-mapped", err);
	if (ret < 0)
		return ret;
	ret = mem_write(v->proc->mem_fd, v->addr, agent_blob, agent_blob_size);
	if (ret == 0)
		ret = mem_write(v->proc->mem_fd, v->addr + area_code_size(), v->area->data,
				area_data_size(v->area));
	if (ret == 0)
		ret = write_exits(v);
	if (ret < 0)
		return err_set(err, ERR_AGENT, -ret, "can't write the agent into process %d",
			       v->proc->pid);
	return v->admit ? v->admit(v, v->admit_data, err) : 0;
}

static int start_programs(struct visit *v, struct err *err)
{
	uint64_t mask = ~UINT64_C(0) & ~(UINT64_C(1) << (v->stop_signo - 1));
	int ret = 0;

	v->step = STEP_RUN;
	for (size_t i = 0; ret == 0 && i < n_programs(v); i++) {
		struct thread_stop *t = &v->proc->threads[i];
		struct cpu_regs regs = t->regs;

		regs_set_call(&regs, v->addr, v->addr + v->area->programs[i]->header, v->addr);
		ret = stand_at_exit(v, i, err);
		if (ret == 0)
			ret = fault_at("visit-at-exit", err);
		if (ret == 0)
			ret = ptrace_set_sigmask(t->tid, mask, err);
		if (ret == 0)
			ret = fault_at("visit-blocked", err);
		if (ret == 0)
			ret = ptrace_set_regs(t->tid, &regs, err);
		if (ret == 0)
			ret = fault_at("visit-entered", err);
		if (ret == 0)
			ret = ptrace_cont(t->tid, 0, err);
		if (ret == 0)
			ret = fault_at("visit-running", err);
	}
	return ret;
}

static int read_results(const struct visit *v)
{
	return mem_read(v->proc->mem_fd, v->addr + area_code_size(), v->area->data,
			area_data_size(v->area));
}

static int finish_programs(struct tree_stop *tree, struct visit *v, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < n_programs(v); i++)
		ret = wait_stop(tree, v, &v->proc->threads[i], PTRACE_STOP_SIGNAL, v->stop_signo,
				false, err);
	if (ret < 0)
		return ret;
	ret = read_results(v);
	if (ret < 0)
		return err_set(err, ERR_AGENT, -ret,
			       "can't read the agent's results from process %d", v->proc->pid);
	for (size_t i = 0; i < n_programs(v); i++)
		if (!program_header(v->area->programs[i])->done && v->area->programs[i]->n)
			return err_set(err, ERR_AGENT, EACCES,
				       "the agent in thread %d could not make its data writable",
				       v->proc->threads[i].tid);
	return 0;
}

struct waiting {
	struct tree_stop *tree;
	struct visit *v;
	struct thread_stop *t;
};

static int wait_landing(void *data, pid_t tid, enum ptrace_stop kind, struct err *err)
{
	const struct waiting *w = data;

	(void)tid;
	return wait_stop(w->tree, w->v, w->t, kind, 0, kind == PTRACE_STOP_SYSCALL, err);
}

int visit_land(struct tree_stop *tree, struct visit *v, struct thread_stop *t, uint64_t stub,
	       struct err *err)
{
	struct waiting waiting = { tree, v, t };
	const struct ptrace_waiter waiter = { wait_landing, &waiting };

	int ret = ptrace_land(t->tid, &t->regs, t->sigmask, stub, &waiter, err);

	return ret < 0 ? ret : ptrace_set_vectors(t->tid, &t->vectors, err);
}

/* After a stop at a system call's exit the kernel would not look at a call that waits to be
 * restarted, so the thread is led to a trap first. */
static int leave_syscall(struct tree_stop *tree, struct visit *v, struct thread_stop *t,
			 struct err *err)
{
	int ret = ptrace_interrupt(t->tid, err);

	if (ret == 0)
		ret = stand_at(t, v->spot, err);
	if (ret == 0)
		ret = ptrace_cont(t->tid, 0, err);
	return ret < 0 ? ret : wait_stop(tree, v, t, PTRACE_STOP_TRAP, 0, false, err);
}

int visit_call(struct tree_stop *tree, struct visit *v, long nr, const uint64_t arg[6],
	       int64_t *ret_result, struct err *err)
{
	int ret = start_syscall(v, nr, arg, err);

	return ret < 0 ? ret : wait_syscall(tree, v, ret_result, err);
}

/* The two halves of leaving: all threads but the visitor, whose unmapping starts; then the rest. */
int visit_start_leaving(struct tree_stop *tree, struct visit *v, struct err *err)
{
	uint64_t arg[6] = { v->addr, area_size(v->area) };
	int ret = 0;

	for (size_t i = 1; ret == 0 && v->step == STEP_RUN && i < n_programs(v); i++) {
		ret = stand_at_exit(v, i, err);
		if (ret == 0)
			ret = visit_land(tree, v, &v->proc->threads[i], v->addr + exit_of(v, i),
					 err);
	}
	if (ret == 0 && v->step >= STEP_MAPPED)
		ret = start_syscall(v, SYS_munmap, arg, err);
	if (ret == 0 && v->step >= STEP_MAPPED)
		v->step = STEP_LEAVING;
	return ret;
}

int visit_finish_leaving(struct tree_stop *tree, struct visit *v, struct err *err)
{
	int64_t result = 0;
	int ret = 0;

	if (v->step >= STEP_MAPPED)
		ret = wait_syscall(tree, v, &result, err);
	if (ret == 0 && result < 0)
		log_warn("process %d could not unmap the agent", v->proc->pid);
	if (ret == 0 && v->step >= STEP_SPOT)
		ret = leave_syscall(tree, v, visitor(v), err);
	if (ret == 0 && v->step >= STEP_SPOT)
		ret = visit_land(tree, v, visitor(v), v->spot, err);
	if (ret == 0 && v->step >= STEP_SPOT)
		ret = mem_write(v->proc->mem_fd, v->spot, v->saved, exit_room());
	v->step = STEP_NONE;
	return ret;
}

/* For the case that a visit broke off somewhere: put back by force what can be put back. */
void visit_abandon(struct visit *v)
{
	if (v->step == STEP_NONE)
		return;
	for (size_t i = 0; i < v->proc->n_threads; i++) {
		struct thread_stop *t = &v->proc->threads[i];

		if (!t->frozen || (i >= n_programs(v) && i > 0))
			continue;
		if (ptrace_set_sigmask(t->tid, t->sigmask, NULL) < 0) { /* it runs */
			struct tree_stop wait = { .timeout = 1 };
			struct ptrace_report report;

			ptrace_interrupt(t->tid, NULL);
			if (tree_wait(&wait, t->tid, &report, NULL) < 0 ||
			    report.kind == PTRACE_STOP_GONE)
				continue;
			ptrace_set_sigmask(t->tid, t->sigmask, NULL);
		}
		struct cpu_regs regs = t->regs;

		regs_restart(&regs, RESTART_LIVE);
		ptrace_set_regs(t->tid, &regs, NULL);
	}
	if (v->saved)
		mem_write(v->proc->mem_fd, v->spot, v->saved, exit_room());
}

/* A thread stands again, wherever in its program it is. */
static int recall_thread(struct tree_stop *tree, struct thread_stop *t)
{
	struct ptrace_report report;
	int ret;

	if (ptrace_set_sigmask(t->tid, ~UINT64_C(0), NULL) == 0)
		return 0; /* it stands already */
	ret = ptrace_interrupt(t->tid, NULL);
	if (ret == 0)
		ret = tree_wait(tree, t->tid, &report, NULL);
	if (ret < 0)
		return ret;
	if (report.kind == PTRACE_STOP_GONE) {
		t->gone = true;
		t->frozen = false;
		return -ESRCH;
	}
	return 0;
}

/* Leaves a process in which something went wrong: in good order if its threads can be called back. */
static void retreat(struct tree_stop *tree, struct visit *v)
{
	int ret = 0;

	if (v->step == STEP_NONE)
		return;
	if (v->step == STEP_MAPPING)
		ret = await_mapping(tree, v, NULL);
	if (ret == 0 && v->step == STEP_LEAVING) {
		if (visit_finish_leaving(tree, v, NULL) < 0)
			visit_abandon(v);
		return;
	}
	if (v->step < STEP_MAPPED)
		ret = -EBUSY;
	for (size_t i = 0; ret == 0 && v->step == STEP_RUN && i < n_programs(v); i++)
		ret = recall_thread(tree, &v->proc->threads[i]);
	if (ret == 0)
		ret = read_results(v);
	if (ret == 0)
		ret = visit_start_leaving(tree, v, NULL);
	if (ret == 0)
		ret = visit_finish_leaving(tree, v, NULL);
	if (ret < 0)
		visit_abandon(v);
}

/* What clean needs to take the visit back; before anything is changed. */
static void note_visit(struct tree_stop *tree, const struct visit *v)
{
	static const unsigned char zeroes[WAY_OUT_MAX];
	char bytes[2 * sizeof(zeroes) + 1] = "-";

	if (!tree->journal)
		return;
	if (memcmp(v->saved, zeroes, exit_room()))
		for (size_t i = 0; i < exit_room(); i++)
			sprintf(bytes + 2 * i, "%02x", v->saved[i]);
	journal_add(tree->journal, "visit %d %llu %llx %zu %llx %zx %s\n", v->proc->pid,
		    (unsigned long long)v->proc->start_time, (unsigned long long)v->spot,
		    exit_room(), (unsigned long long)v->hint, area_size(v->area), bytes);
}

static int choose_places(struct tree_stop *tree, struct visit *v, struct err *err)
{
	int ret = visit_find_spot(v, err);

	v->hint = find_hole(v, area_size(v->area));
	if (ret == 0)
		note_visit(tree, v);
	return ret;
}

static int run_all(struct tree_stop *tree, struct visit *visits, size_t n, struct err *err)
{
	int ret = 0;
	size_t i;

	for (i = 0; ret == 0 && i < n; i++)
		ret = choose_places(tree, &visits[i], err);
	for (i = 0; ret == 0 && i < n; i++)
		ret = start_mapping(&visits[i], err);
	for (i = 0; ret == 0 && i < n; i++)
		ret = finish_mapping(tree, &visits[i], err);
	for (i = 0; ret == 0 && i < n; i++)
		ret = start_programs(&visits[i], err);
	for (i = 0; ret == 0 && i < n; i++)
		ret = finish_programs(tree, &visits[i], err);
	if (ret == 0)
		ret = fault_at("visit-results", err);
	for (i = 0; ret == 0 && i < n; i++)
		ret = visit_start_leaving(tree, &visits[i], err);
	if (ret == 0)
		ret = fault_at("visit-leaving", err);
	for (i = 0; ret == 0 && i < n; i++)
		ret = visit_finish_leaving(tree, &visits[i], err);
	return ret;
}

int visit_run(struct tree_stop *tree, struct visit *visits, size_t n, struct err *err)
{
	int ret;

	for (size_t i = 0; i < n; i++)
		prepare_headers(&visits[i]);
	ret = run_all(tree, visits, n, err);
	for (size_t i = 0; i < n; i++) {
		if (ret < 0)
			retreat(tree, &visits[i]);
		free(visits[i].saved);
		visits[i].saved = NULL;
	}
	return ret;
}
