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
#include "kernel/ptrace.h"

#define PAGE 4096ul

/* MAPPING and LEAVING: the visitor has been sent into mmap, or munmap. */
enum step { STEP_NONE, STEP_SPOT, STEP_MAPPING, STEP_MAPPED, STEP_RUN, STEP_LEAVING };

static struct thread_stop *visitor(const struct visit *v)
{
	return &v->proc->threads[0];
}

static size_t n_programs(const struct visit *v)
{
	return v->area->n_programs;
}

/* What the program would go on with, were the tool to die now. */
static void regs_to_agent(const struct thread_stop *t, struct agent_regs *out)
{
	struct cpu_regs regs = t->regs;

	regs_restart(&regs, RESTART_LIVE);
	*out = (struct agent_regs){
		.r15 = regs.r.r15, .r14 = regs.r.r14, .r13 = regs.r.r13, .r12 = regs.r.r12,
		.rbp = regs.r.rbp, .rbx = regs.r.rbx, .r11 = regs.r.r11, .r10 = regs.r.r10,
		.r9 = regs.r.r9, .r8 = regs.r.r8, .rax = regs.r.rax, .rcx = regs.r.rcx,
		.rdx = regs.r.rdx, .rsi = regs.r.rsi, .rdi = regs.r.rdi, .rip = regs.r.rip,
		.cs = regs.r.cs, .rflags = regs.r.eflags & ~0x10100ul /* RF, TF */, .rsp = regs.r.rsp, .ss = regs.r.ss,
	};
}

/* entry.S keeps the header there; the interpreter in between has other uses for it. */
static uint64_t agent_header_of(const struct cpu_regs *regs)
{
	return regs->r.rbx;
}

static size_t stub_room(void)
{
	return (agent_stub_size + 15) & ~15u;
}

/* The end of an executable private mapping: of the vdso if there is one, since behind its image
 * there are only zeroes, else of another one whose bytes are put back afterwards. */
static int find_spot(struct visit *v, struct err *err)
{
	const struct proc_area *best = NULL;
	static const unsigned char zeroes[1024];

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
	v->spot = best->end - stub_room();
	v->saved = malloc(stub_room());
	if (!v->saved)
		return err_set(err, ERR_RESOURCE, ENOMEM, "no memory");
	int ret = mem_read(v->proc->mem_fd, v->spot, v->saved, stub_room());

	if (ret < 0)
		return err_set(err, ERR_AGENT, -ret, "can't read the code of process %d at 0x%llx",
			       v->proc->pid, (unsigned long long)v->spot);
	if (memcmp(v->saved, zeroes, stub_room()))
		log_debug("process %d: the agent's foothold at 0x%llx takes bytes in use",
			  v->proc->pid, (unsigned long long)v->spot);
	return 0;
}

/* The way out of a thread, for a stub that will lie at this address. */
static void fill_stub(unsigned char *stub, const struct thread_stop *t, uint64_t at)
{
	struct agent_stub_data data = { .mask = t->sigmask };

	regs_to_agent(t, &data.regs);
	data.far_ip = data.regs.rip;
	data.far_cs = data.regs.cs;
	data.jump = regs_compat(&t->regs) ? at + AGENT_STUB_FAR : data.regs.rip;
	memcpy(stub, agent_stub, agent_stub_size);
	memcpy(stub + agent_stub_size - sizeof(data), &data, sizeof(data));
}

static int place_stub(struct visit *v, struct err *err)
{
	unsigned char stub[1024];
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

/* Lets the visitor enter a system call at the stub; wait_syscall() is its other half. */
static int start_syscall(struct visit *v, long nr, const uint64_t arg[6], struct err *err)
{
	struct thread_stop *t = visitor(v);
	struct cpu_regs regs = t->regs;
	int ret;

	regs_set_syscall(&regs, v->spot, nr, arg);
	ret = ptrace_set_regs(t->tid, &regs, err);
	if (ret == 0)
		ret = fault_at("visit-call", err);
	if (ret == 0)
		ret = ptrace_set_sigmask(t->tid, ~UINT64_C(0), err);
	if (ret == 0)
		ret = fault_at("visit-call-blocked", err);
	if (ret == 0)
		ret = ptrace_syscall(t->tid, 0, err);
	return ret;
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
			return err_set(err, ERR_TASK_CHANGED, ESRCH,
				       "thread %d was killed while the agent was in it", t->tid);
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
				       "the agent got signal %d in thread %d", report.signo, t->tid);
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
	uint64_t limit = regs_compat(&visitor(v)->regs) ? 0xf0000000 : UINT64_C(0x7ff000000000);
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
	uint64_t arg[6] = { v->hint, size, PROT_READ | PROT_EXEC,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0 };
	int ret;

	ret = place_stub(v, err);
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
	/* All three are in use. Any other one might end a process whose tracer is gone; this one tells
	 * of nothing that a handler has to believe. */
	return SIGURG;
}

/* As many ways out as fit into a page; none lies in two. */
static size_t exits_size(size_t n)
{
	size_t a_page = PAGE / stub_room();

	return (n + a_page - 1) / a_page * PAGE;
}

/* Offset of a thread's way out in the area. */
static uint64_t exit_of(const struct visit *v, size_t i)
{
	size_t a_page = PAGE / stub_room();

	return area_size(v->area) - v->area->exits + i / a_page * PAGE + i % a_page * stub_room();
}

/* Points a thread at its way out, so that its mask may be changed: were the tool to die now, it would put
 * the mask back. */
static int stand_at_exit(const struct visit *v, size_t i, struct err *err)
{
	struct thread_stop *t = &v->proc->threads[i];
	const uint64_t none[6] = { 0 };
	struct cpu_regs regs = t->regs;

	regs_set_syscall(&regs, v->addr + exit_of(v, i) + AGENT_STUB_OUT, -1, none);
	return ptrace_set_regs(t->tid, &regs, err);
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
		regs_to_agent(&v->proc->threads[i], &tmpl->regs);
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
		return err_set(err, ERR_AGENT, -addr, "process %d can't map the agent's %zu bytes",
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
	ret = mem_write(v->proc->mem_fd, v->addr, v->area->bytes, v->area->len);
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
			ret = fault_at("visit-standing", err);
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

static int finish_programs(struct tree_stop *tree, struct visit *v, struct err *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < n_programs(v); i++)
		ret = wait_stop(tree, v, &v->proc->threads[i], PTRACE_STOP_SIGNAL, v->stop_signo,
				false, err);
	if (ret < 0)
		return ret;
	ret = mem_read(v->proc->mem_fd, v->addr + area_code_size(),
		       v->area->bytes + area_code_size(), v->area->len - area_code_size());
	if (ret < 0)
		return err_set(err, ERR_AGENT, -ret, "can't read the agent's results from process %d",
			       v->proc->pid);
	for (size_t i = 0; i < n_programs(v); i++)
		if (!program_header(v->area->programs[i])->done && v->area->programs[i]->n)
			return err_set(err, ERR_AGENT, EACCES,
				       "the agent in thread %d could not make its data writable",
				       v->proc->threads[i].tid);
	return 0;
}

/* Puts a thread back. After a stop at a system call's exit the kernel would not look at a call that waits
 * to be restarted, so the thread is led to a trap first. */
static int restore_thread(struct tree_stop *tree, struct visit *v, struct thread_stop *t,
			  bool at_syscall, struct err *err)
{
	int ret = 0;

	if (at_syscall)
		ret = ptrace_interrupt(t->tid, err);
	if (ret == 0)
		ret = ptrace_set_sigmask(t->tid, t->sigmask, err);
	if (ret == 0)
		ret = ptrace_set_regs(t->tid, &t->regs, err);
	if (ret == 0 && at_syscall)
		ret = ptrace_cont(t->tid, 0, err);
	if (ret == 0 && at_syscall)
		ret = wait_stop(tree, v, t, PTRACE_STOP_TRAP, 0, false, err);
	return ret;
}

/* The two halves of leaving: all threads but the visitor, whose unmapping starts; then the rest. */
static int start_leaving(struct tree_stop *tree, struct visit *v, struct err *err)
{
	uint64_t arg[6] = { v->addr, area_size(v->area) };
	int ret = 0;

	for (size_t i = 1; ret == 0 && v->step == STEP_RUN && i < n_programs(v); i++) {
		ret = stand_at_exit(v, i, err);
		if (ret == 0)
			ret = restore_thread(tree, v, &v->proc->threads[i], false, err);
	}
	if (ret == 0 && v->step >= STEP_MAPPED)
		ret = start_syscall(v, SYS_munmap, arg, err);
	if (ret == 0 && v->step >= STEP_MAPPED)
		v->step = STEP_LEAVING;
	return ret;
}

static int finish_leaving(struct tree_stop *tree, struct visit *v, struct err *err)
{
	int64_t result = 0;
	int ret = 0;

	if (v->step >= STEP_MAPPED)
		ret = wait_syscall(tree, v, &result, err);
	if (ret == 0 && result < 0)
		log_warn("process %d could not unmap the agent", v->proc->pid);
	if (ret == 0 && v->step >= STEP_SPOT)
		ret = restore_thread(tree, v, visitor(v), true, err);
	if (ret == 0 && v->step >= STEP_SPOT)
		ret = mem_write(v->proc->mem_fd, v->spot, v->saved, stub_room());
	v->step = STEP_NONE;
	return ret;
}

/* For the case that a visit broke off somewhere: put back by force what can be put back. */
static void abandon(struct visit *v)
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
		mem_write(v->proc->mem_fd, v->spot, v->saved, stub_room());
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
		if (finish_leaving(tree, v, NULL) < 0)
			abandon(v);
		return;
	}
	if (v->step < STEP_MAPPED)
		ret = -EBUSY;
	for (size_t i = 0; ret == 0 && v->step == STEP_RUN && i < n_programs(v); i++)
		ret = recall_thread(tree, &v->proc->threads[i]);
	if (ret == 0)
		ret = mem_read(v->proc->mem_fd, v->addr + area_code_size(),
			       v->area->bytes + area_code_size(),
			       v->area->len - area_code_size());
	if (ret == 0)
		ret = start_leaving(tree, v, NULL);
	if (ret == 0)
		ret = finish_leaving(tree, v, NULL);
	if (ret < 0)
		abandon(v);
}

/* What clean needs to take the visit back; before anything is changed. */
static void note_visit(struct tree_stop *tree, const struct visit *v)
{
	static const unsigned char zeroes[1024];
	char bytes[2 * sizeof(zeroes) + 1] = "-";

	if (!tree->journal)
		return;
	if (memcmp(v->saved, zeroes, stub_room()))
		for (size_t i = 0; i < stub_room(); i++)
			sprintf(bytes + 2 * i, "%02x", v->saved[i]);
	journal_add(tree->journal, "visit %d %llu %llx %zu %llx %zx %s\n", v->proc->pid,
		    (unsigned long long)v->proc->start_time, (unsigned long long)v->spot,
		    stub_room(), (unsigned long long)v->hint, area_size(v->area), bytes);
}

static int choose_places(struct tree_stop *tree, struct visit *v, struct err *err)
{
	int ret = find_spot(v, err);

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
		ret = start_leaving(tree, &visits[i], err);
	if (ret == 0)
		ret = fault_at("visit-leaving", err);
	for (i = 0; ret == 0 && i < n; i++)
		ret = finish_leaving(tree, &visits[i], err);
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

/* --- what a killed tool has left ------------------------------------------------------------- */

/* The reverse of regs_to_agent. */
static void regs_from_agent(const struct agent_regs *in, struct cpu_regs *regs)
{
	struct user_regs_struct *r = &regs->r;

	r->r15 = in->r15, r->r14 = in->r14, r->r13 = in->r13, r->r12 = in->r12;
	r->rbp = in->rbp, r->rbx = in->rbx, r->r11 = in->r11, r->r10 = in->r10;
	r->r9 = in->r9, r->r8 = in->r8, r->rax = in->rax, r->rcx = in->rcx;
	r->rdx = in->rdx, r->rsi = in->rsi, r->rdi = in->rdi, r->rip = in->rip;
	r->cs = in->cs, r->eflags = in->rflags, r->rsp = in->rsp, r->ss = in->ss;
	r->orig_rax = -1;
}

static int put_back(struct thread_stop *t, const struct agent_regs *regs, uint64_t mask)
{
	int ret;

	regs_from_agent(regs, &t->regs);
	ret = ptrace_set_regs(t->tid, &t->regs, NULL);
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

	/* It begins at a multiple of 16 before the end of a page (find_spot), or after its start. */
	if (mem_read(p->mem_fd, page, now, PAGE) < 0)
		return false;
	for (size_t at = ip < code ? 0 : (ip - code) & ~15ul; at <= ip; at += 16) {
		if (at + agent_stub_size > PAGE || memcmp(now + at, agent_stub, code))
			continue;
		memcpy(&data, now + at + code, sizeof(data));
		return put_back(t, &data.regs, data.mask) == 0;
	}
	return false;
}

/* In the agent's own code the header is in a register, but while the interpreter runs: then the thread
 * is let run on to the place where it tells its tracer that it is done. */
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
		    head.self == at - area)
			return put_back(t, &head.regs, head.mask) == 0;
		if (ptrace_cont(t->tid, 0, NULL) < 0 || tree_wait(tree, t->tid, &report, NULL) < 0 ||
		    report.kind == PTRACE_STOP_GONE || ptrace_get_regs(t->tid, &t->regs, NULL) < 0)
			return false;
	}
	return false;
}

void visit_heal(struct tree_stop *tree, struct proc_stop *p)
{
	for (size_t i = 0; i < p->n_threads; i++)
		if (heal_in_stub(p, &p->threads[i]) || heal_in_area(tree, p, &p->threads[i]))
			log_info("thread %d was led back out of the agent of a tool that was killed",
				 p->threads[i].tid);
}

static bool is_stub(const struct proc_stop *p, const struct visit_rest *rest)
{
	unsigned char now[1024];
	size_t code = agent_stub_size - sizeof(struct agent_stub_data);

	return rest->saved_len == stub_room() &&
	       mem_read(p->mem_fd, rest->spot, now, stub_room()) == 0 && !memcmp(now, agent_stub, code);
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

static bool points_in(const struct visit_rest *rest, uint64_t addr)
{
	return addr - rest->spot < stub_room() || addr - rest->addr < rest->size;
}

/* From the saved instruction pointer of a signal frame to its code segment and its uc_sigmask, in words
 * (struct ucontext of arch/x86/include/uapi/asm/ucontext.h and sigcontext.h). */
#define FRAME_CS   2
#define FRAME_MASK 16

/*
 * A signal handler that interrupted our code returns there: its frame is on the thread's stack, and
 * meanwhile the thread blocks more than the frame says. Frames of handlers that have returned may still
 * be seen in the gaps of a stack; the thread's mask is then the frame's.
 */
static bool frame_on_stack(const struct proc_stop *p, const struct thread_stop *t,
			   const struct visit_rest *rest)
{
	uint64_t words[4096], at = regs_sp(&t->regs) & ~7ul;

	/* Stacks end at different places: in smaller and smaller pieces. */
	for (size_t len = sizeof(words); len >= 512; len /= 2) {
		size_t n = len / sizeof(words[0]);

		if (mem_read(p->mem_fd, at, words, len) < 0)
			continue;
		for (size_t k = 0; k + FRAME_MASK < n; k++)
			if (points_in(rest, words[k]) && (words[k + FRAME_CS] & 0xffff) == 0x33 &&
			    words[k + FRAME_MASK] != t->sigmask)
				return true;
		break;
	}
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
	int ret = place_stub(v, err);

	v->step = STEP_MAPPED;
	if (ret == 0)
		ret = start_leaving(tree, v, err);
	if (ret == 0)
		ret = finish_leaving(tree, v, err);
	if (ret < 0)
		abandon(v);
	return ret;
}

int visit_clean(struct tree_stop *tree, struct proc_stop *p, const struct proc_areas *areas,
		struct visit_rest *rest, struct err *err)
{
	unsigned char bytes[1024] = { 0 };
	struct area gone = { .len = rest->size };
	struct visit v = { .proc = p, .areas = areas, .area = &gone, .spot = rest->spot,
			   .addr = rest->addr, .saved = bytes };
	int ret = 0;

	rest->stub_found = is_stub(p, rest);
	rest->area_found = rest->size && is_area(p, areas, rest);
	if (!rest->stub_found && !rest->area_found)
		return 0;
	if (is_in_use(p, rest))
		return -EAGAIN;
	if (rest->stub_found && rest->saved)
		memcpy(bytes, rest->saved, rest->saved_len);
	if (!rest->stub_found) {
		/* The foothold is the program's own again: another visit finds its own place. */
		v.saved = NULL;
		ret = find_spot(&v, err);
	}
	if (ret == 0 && rest->area_found)
		ret = unmap_rest(tree, &v, err);
	else if (ret == 0)
		ret = mem_write(p->mem_fd, rest->spot, bytes, stub_room());
	if (v.saved != bytes)
		free(v.saved);
	return ret;
}
