/* SPDX-License-Identifier: Apache-2.0 */
/* See regs.h. Register sets: arch/arm64/kernel/ptrace.c; restarting calls: kernel/signal.c there. */
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "base/fault.h"
#include "kernel/code_aarch64.h"
#include "kernel/proc/proc.h"
#include "kernel/ptrace.h"
#include "kernel/tracer.h"

#define ERESTARTSYS	      512
#define ERESTARTNOINTR	      513
#define ERESTARTNOHAND	      514
#define ERESTART_RESTARTBLOCK 516
#define PSTATE_FLAGS	      UINT64_C(0xf0000000) /* N, Z, C, V */
#define SYSCALL_LENGTH	      4
#define X_SYSCALL	      8
#define MAX_SYSCALL	      1024
#define NO_CALL		      (-1)

#define NT_ARM_SVE_	0x405
#define NT_ARM_SSVE_	0x40b
#define SVE_REGS	1u     /* SVE_PT_REGS_MASK: in use, and not just what .fp has */
#define SVE_INHERIT	2u     /* SVE_PT_VL_INHERIT: exec(2) keeps the length */
#define SVE_LENGTH_MASK 0xffff /* PR_SVE_VL_LEN_MASK */

/* struct user_sve_header of the kernel. */
struct sve_header {
	uint32_t size, max_size;
	uint16_t vl, max_vl, flags, reserved;
};

bool regs_compat(const struct cpu_regs *regs)
{
	(void)regs; /* ptrace_get_regs() refuses threads of 32-bit programs */
	return false;
}

void regs_set_compat(struct cpu_regs *regs, bool compat)
{
	(void)regs;
	(void)compat;
}

uint64_t regs_thread_pointer(const struct cpu_regs *regs)
{
	return regs->tls;
}

uint64_t regs_ip(const struct cpu_regs *regs)
{
	return regs->r.pc;
}

uint64_t regs_sp(const struct cpu_regs *regs)
{
	return regs->r.sp;
}

void regs_set_ip(struct cpu_regs *regs, uint64_t ip)
{
	regs->r.pc = ip;
}

int64_t regs_result(const struct cpu_regs *regs)
{
	return regs->call >= 0 ? regs->result : (int64_t)regs->r.regs[0];
}

int64_t regs_syscall(const struct cpu_regs *regs)
{
	return regs->call;
}

void regs_end_call(struct cpu_regs *regs, int64_t result)
{
	regs->r.regs[0] = result;
	regs->call = -1;
}

/* No branch type (BTI), no single step, no condition of an if-then block. */
static void enter(struct cpu_regs *regs, uint64_t ip)
{
	regs->r.pc = ip;
	regs->r.pstate &= PSTATE_FLAGS;
	regs->call = -1;
}

void regs_set_syscall(struct cpu_regs *regs, uint64_t ip, long nr, const uint64_t arg[6])
{
	enter(regs, ip);
	memcpy(regs->r.regs, arg, 6 * sizeof(*arg));
	regs->r.regs[X_SYSCALL] = nr;
}

void regs_set_syscall32(struct cpu_regs *regs, uint64_t ip, long nr, const uint64_t arg[6])
{
	regs_set_syscall(regs, ip, nr, arg);
}

void regs_set_call(struct cpu_regs *regs, uint64_t ip, uint64_t arg0, uint64_t arg1)
{
	enter(regs, ip);
	regs->r.regs[0] = arg0;
	regs->r.regs[1] = arg1;
}

/* Calls that can be made again as they were: what they wait for has not been touched. */
static const short interrupted[] = {
	SYS_epoll_pwait,
	441 /* epoll_pwait2 */,
	SYS_semop,
	SYS_semtimedop,
	SYS_rt_sigtimedwait,
	SYS_io_getevents,
	SYS_io_pgetevents,
	SYS_accept,
	SYS_accept4,
	SYS_recvfrom,
	SYS_recvmsg,
	SYS_recvmmsg,
	SYS_read,
	SYS_readv,
	SYS_flock,
	426 /* io_uring_enter */,
};

static bool listed(const short *list, size_t n, int64_t nr)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == nr)
			return true;
	return false;
}

/* As ptrace_mend_regs() has found it, or an image says. */
bool regs_mend_interrupted(struct cpu_regs *regs)
{
	if (regs->call < 0 || regs->result != -EINTR ||
	    !listed(interrupted, sizeof(interrupted) / sizeof(interrupted[0]), regs->call))
		return false;
	regs->result = -(int64_t)ERESTARTNOHAND;
	return true;
}

bool regs_block_hidden(const struct cpu_regs *regs)
{
	(void)regs; /* a call that is to be made anew stands at its instruction, in all images */
	return false;
}

bool regs_mend_block(struct cpu_regs *regs, long behind)
{
	(void)regs;
	(void)behind;
	return false;
}

bool regs_x32(const struct cpu_regs *regs)
{
	(void)regs;
	return false;
}

bool regs_restarts(const struct cpu_regs *regs)
{
	if (regs->call < 0)
		return false;
	switch (-regs->result) {
	case ERESTARTSYS:
	case ERESTARTNOINTR:
	case ERESTARTNOHAND:
	case ERESTART_RESTARTBLOCK:
		return true;
	default:
		return false;
	}
}

bool regs_restart_block(const struct cpu_regs *regs)
{
	return regs_restarts(regs) && regs->result == -ERESTART_RESTARTBLOCK;
}

bool regs_restart_unless_handled(const struct cpu_regs *regs)
{
	return regs_restarts(regs) && regs->result == -ERESTARTNOHAND;
}

void regs_move(struct cpu_regs *regs, uint64_t ip)
{
	regs->r.pc = ip;
	regs->r.pstate &= PSTATE_FLAGS;
	regs->call = -1;
}

bool regs_restart(struct cpu_regs *regs, enum restart_mode mode)
{
	bool block = regs_restart_block(regs);

	if (!regs_restarts(regs))
		return false;
	regs->r.regs[X_SYSCALL] = block && mode == RESTART_LIVE ? SYS_restart_syscall : regs->call;
	regs->r.pc -= SYSCALL_LENGTH;
	regs->call = -1;
	return true;
}

int ptrace_get_regs(pid_t tid, struct cpu_regs *ret, struct err *err)
{
	struct cpu_regs regs = { .call = -1 };
	size_t len = sizeof(regs.r), fp_len = sizeof(regs.fp), tls_len = sizeof(regs.tls);
	int res = ptrace_get_regset(tid, NT_PRSTATUS, &regs.r, &len, err);

	if (res == 0 && len != sizeof(regs.r))
		return err_set(err, ERR_CPU, ENOTSUP,
			       "thread %d runs a 32-bit program, and those of ARM can't be kept",
			       tid);
	if (res == 0)
		res = ptrace_get_regset(tid, NT_PRFPREG, &regs.fp, &fp_len, err);
	if (res == 0)
		res = ptrace_get_regset(tid, NT_ARM_TLS, &regs.tls, &tls_len, err);
	if (res == 0)
		*ret = regs;
	return res;
}

/* The general ones only: nothing of the tool's touches the others. */
int ptrace_set_regs(pid_t tid, const struct cpu_regs *regs, struct err *err)
{
	struct cpu_regs anew = *regs;

	regs_restart(&anew, RESTART_LIVE);
	return ptrace_set_regset(tid, NT_PRSTATUS, &anew.r, sizeof(anew.r), err);
}

/* The kernel cuts a register set to the room that there is. Processors without it have none. */
static bool sve_header(pid_t tid, int set, struct sve_header *ret)
{
	size_t len = sizeof(*ret);

	return ptrace_get_regset(tid, set, ret, &len, NULL) == 0 && len == sizeof(*ret);
}

int ptrace_get_vectors(pid_t tid, struct arena *a, struct cpu_vectors *ret, struct err *err)
{
	struct sve_header h;

	*ret = (struct cpu_vectors){ 0 };
	/* Outside of the streaming mode newer kernels show its header alone. */
	if (sve_header(tid, NT_ARM_SSVE_, &h) && h.flags & SVE_REGS && h.size > sizeof(h))
		ret->set = NT_ARM_SSVE_;
	else if (sve_header(tid, NT_ARM_SVE_, &h) &&
		 (h.flags & (SVE_REGS | SVE_INHERIT) ||
		  h.vl != (prctl(PR_SVE_GET_VL) & SVE_LENGTH_MASK)))
		ret->set = NT_ARM_SVE_;
	else
		return 0;
	ret->data = arena_alloc(a, h.size);
	ret->len = h.size;
	return ptrace_get_regset(tid, ret->set, ret->data, &ret->len, err);
}

int ptrace_set_vectors(pid_t tid, const struct cpu_vectors *vectors, struct err *err)
{
	if (!vectors->data)
		return 0;
	return ptrace_set_regset(tid, vectors->set, vectors->data, vectors->len, err);
}

/* --- which call is it? -------------------------------------------------------------------------- */

/* What the kernel answers to a tracer's interruption (the callers of set_restart_fn(), and those
 * that return -ERESTARTNOHAND). */
static int64_t answer_of(const struct cpu_regs *regs, int64_t nr)
{
	switch (nr) {
	case SYS_ppoll:
	case SYS_pselect6:
	case SYS_rt_sigsuspend:
	case SYS_msgrcv:
	case SYS_msgsnd:
		return -ERESTARTNOHAND;
	case SYS_clock_nanosleep:
		return regs->r.regs[1] & 1 /* TIMER_ABSTIME */ ? -ERESTARTNOHAND
							       : -ERESTART_RESTARTBLOCK;
	case SYS_nanosleep:
		return -ERESTART_RESTARTBLOCK;
	case SYS_futex:
		return regs->r.regs[3] ? -ERESTART_RESTARTBLOCK : -ERESTARTSYS;
	default:
		return -ERESTARTSYS;
	}
}

static bool code_at(pid_t tid, uint64_t at, uint32_t *ret)
{
	long word;

	errno = 0;
	word = tracer_ptrace(PTRACE_PEEKTEXT, tid, at, 0);
	*ret = word;
	return !errno;
}

void ptrace_foresee(pid_t tid, struct cpu_call *ret)
{
	unsigned long long first, sp, pc;
	struct proc_buf buf = { 0 };
	struct proc proc = PROC_INIT;
	long long nr;
	size_t len;
	char *text;

	ret->nr = -1;
	if (proc_open(&proc, tid, &buf, NULL) == 0 &&
	    proc_read(&proc, "syscall", &text, &len, NULL) == 0 &&
	    sscanf(text, "%lld %llx %*x %*x %*x %*x %*x %llx %llx", &nr, &first, &sp, &pc) == 4)
		*ret = (struct cpu_call){ nr, first, sp, pc };
	proc_close(&proc);
	proc_buf_free(&buf);
}

/* The thread stands behind a call that has answered -EINTR, and x0 held its first argument. It is
 * the call that it was seen in, unless it has made it again since from the very same place. */
static bool mend_answer(pid_t tid, const struct cpu_call *before, struct cpu_regs *regs)
{
	struct cpu_regs call = *regs;
	uint32_t code;

	call.call = regs->r.regs[X_SYSCALL];
	call.result = -EINTR;
	if (before->nr != call.call || before->sp != call.r.sp || before->pc != call.r.pc ||
	    !code_at(tid, regs->r.pc - SYSCALL_LENGTH, &code) || code != CODE_SVC ||
	    !regs_mend_interrupted(&call))
		return false;
	call.r.regs[0] = before->first;
	if (ptrace_set_regs(tid, &call, NULL) < 0)
		return false;
	*regs = call;
	return true;
}

/* Was it in a call, or just about to make one? The kernel's stack tells, if it may be read. */
static bool in_call(pid_t tid)
{
	struct proc_buf buf = { 0 };
	struct proc proc = PROC_INIT;
	bool yes = false;
	size_t len;
	char *text;

	if (proc_open(&proc, tid, &buf, NULL) == 0 &&
	    proc_read(&proc, "stack", &text, &len, NULL) == 0)
		yes = strstr(text, "el0_svc") != NULL;
	proc_close(&proc);
	proc_buf_free(&buf);
	return yes;
}

void ptrace_mend_regs(pid_t tid, const struct cpu_call *before, struct cpu_regs *regs)
{
	int64_t nr = regs->r.regs[X_SYSCALL];
	uint32_t code;

	if ((int64_t)regs->r.regs[0] == -EINTR && before && mend_answer(tid, before, regs))
		return;
	/* restart_syscall: which call that is, restart_hides_call() is there to find out. */
	if (nr < 0 || nr > MAX_SYSCALL || nr == SYS_restart_syscall ||
	    !code_at(tid, regs->r.pc, &code) || code != CODE_SVC)
		return;
	regs->call = nr;
	regs->result = answer_of(regs, nr);
	/* A call that was not begun has no restart block. */
	if (regs->result == -ERESTART_RESTARTBLOCK && !in_call(tid))
		regs->result = -ERESTARTNOHAND;
	regs->r.pc += SYSCALL_LENGTH;
}

/* --- going on ----------------------------------------------------------------------------------- */

static int set_call(pid_t tid, int32_t nr, struct err *err)
{
	return ptrace_set_regset(tid, NT_ARM_SYSTEM_CALL, &nr, sizeof(nr), err);
}

/*
 * From a call that the stub makes, and the kernel is told to leave out. Its entry notes the first
 * argument; and no register but x7 has to be right there, which a tracer can't set at a call's end.
 */
static int pass_call(pid_t tid, const struct cpu_regs *regs, uint64_t stub,
		     const struct ptrace_waiter *waiter, struct err *err)
{
	struct cpu_regs through = *regs;
	int ret;

	regs_move(&through, stub);
	ret = ptrace_set_regs(tid, &through, err);
	if (ret == 0)
		ret = ptrace_syscall(tid, 0, err);
	if (ret == 0)
		ret = waiter->wait(waiter->data, tid, PTRACE_STOP_SYSCALL, err);
	if (ret == 0)
		ret = set_call(tid, NO_CALL, err);
	if (ret == 0)
		ret = ptrace_syscall(tid, 0, err);
	return ret < 0 ? ret : waiter->wait(waiter->data, tid, PTRACE_STOP_SYSCALL, err);
}

/* At a call's end the thread is given the program's call, with the answer that makes the kernel
 * restart it, or end it with EINTR if a handler has to run first. */
static int end_as_interrupted(pid_t tid, const struct cpu_regs *regs, uint64_t mask,
			      struct err *err)
{
	struct user_regs_struct r = regs->r;
	int ret = ptrace_set_sigmask(tid, mask, err);

	r.regs[0] = regs->result;
	r.regs[X_SYSCALL] = regs->call;
	if (ret == 0)
		ret = fault_at("visit-unblocked", err);
	if (ret == 0)
		ret = set_call(tid, regs->call, err);
	return ret < 0 ? ret : ptrace_set_regset(tid, NT_PRSTATUS, &r, sizeof(r), err);
}

int ptrace_land(pid_t tid, const struct cpu_regs *regs, uint64_t mask, uint64_t stub,
		const struct ptrace_waiter *waiter, struct err *err)
{
	int ret;

	if (!regs_restarts(regs)) {
		ret = ptrace_set_sigmask(tid, mask, err);
		if (ret == 0)
			ret = fault_at("visit-unblocked", err);
		return ret < 0 ? ret : ptrace_set_regs(tid, regs, err);
	}
	ret = pass_call(tid, regs, stub, waiter, err);
	if (ret == 0)
		ret = end_as_interrupted(tid, regs, mask, err);
	/* The stop that is asked for comes before any signal is looked at. */
	if (ret == 0)
		ret = ptrace_interrupt(tid, err);
	if (ret == 0)
		ret = ptrace_cont(tid, 0, err);
	return ret < 0 ? ret : waiter->wait(waiter->data, tid, PTRACE_STOP_TRAP, err);
}
