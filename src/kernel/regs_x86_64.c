/* SPDX-License-Identifier: Apache-2.0 */
/* See regs.h. Segment selectors: arch/x86/include/asm/segment.h. */
#include <asm/unistd_64.h>
#include <errno.h>

#include <sys/ptrace.h>

#include "base/fault.h"
#include "kernel/ptrace.h"
#include "kernel/tracer.h"

#define USER_CS	  0x33
#define USER32_CS 0x23
#define USER_DS	  0x2b

#define ERESTARTSYS	      512
#define ERESTARTNOINTR	      513
#define ERESTARTNOHAND	      514
#define ERESTART_RESTARTBLOCK 516
#define NR_RESTART_32	      0

bool regs_compat(const struct cpu_regs *regs)
{
	return regs->r.cs == USER32_CS;
}

uint64_t regs_thread_pointer(const struct cpu_regs *regs)
{
	return regs_compat(regs) ? (uint32_t)regs->r.gs_base : regs->r.fs_base;
}

void regs_set_compat(struct cpu_regs *regs, bool compat)
{
	regs->r.cs = compat ? USER32_CS : USER_CS;
}

uint64_t regs_ip(const struct cpu_regs *regs)
{
	return regs->r.rip;
}

uint64_t regs_sp(const struct cpu_regs *regs)
{
	return regs->r.rsp;
}

void regs_set_ip(struct cpu_regs *regs, uint64_t ip)
{
	regs->r.rip = ip;
}

int64_t regs_result(const struct cpu_regs *regs)
{
	return regs->r.rax;
}

int64_t regs_syscall(const struct cpu_regs *regs)
{
	return (int64_t)regs->r.orig_rax;
}

void regs_end_call(struct cpu_regs *regs, int64_t result)
{
	regs->r.rax = result;
	regs->r.orig_rax = -1;
}

static void enter_64bit(struct cpu_regs *regs, uint64_t ip)
{
	regs->r.rip = ip;
	regs->r.cs = USER_CS;
	regs->r.ss = USER_DS;
	regs->r.orig_rax = -1;
	regs->r.eflags &= ~0x10500ul; /* RF, DF, TF */
}

void regs_set_syscall(struct cpu_regs *regs, uint64_t ip, long nr, const uint64_t arg[6])
{
	enter_64bit(regs, ip);
	regs->r.rax = nr;
	regs->r.rdi = arg[0];
	regs->r.rsi = arg[1];
	regs->r.rdx = arg[2];
	regs->r.r10 = arg[3];
	regs->r.r8 = arg[4];
	regs->r.r9 = arg[5];
}

void regs_set_syscall32(struct cpu_regs *regs, uint64_t ip, long nr, const uint64_t arg[6])
{
	enter_64bit(regs, ip);
	regs->r.rax = nr;
	regs->r.rbx = arg[0];
	regs->r.rcx = arg[1];
	regs->r.rdx = arg[2];
	regs->r.rsi = arg[3];
	regs->r.rdi = arg[4];
	regs->r.rbp = arg[5];
}

void regs_set_call(struct cpu_regs *regs, uint64_t ip, uint64_t arg0, uint64_t arg1)
{
	enter_64bit(regs, ip);
	regs->r.rdi = arg0;
	regs->r.rsi = arg1;
}

static int64_t result_signed(const struct cpu_regs *regs)
{
	return regs_compat(regs) ? (int32_t)regs->r.rax : (int64_t)regs->r.rax;
}

/* Calls that can be made again as they were: what they wait for has not been touched. */
static const short interrupted[] = {
	__NR_epoll_wait,   __NR_epoll_pwait,	441 /* epoll_pwait2 */,
	__NR_semop,	   __NR_semtimedop,	__NR_rt_sigtimedwait,
	__NR_io_getevents, __NR_io_pgetevents,	__NR_accept,
	__NR_accept4,	   __NR_recvfrom,	__NR_recvmsg,
	__NR_recvmmsg,	   __NR_read,		__NR_readv,
	__NR_flock,	   __NR_io_uring_enter,
};
/* The same of i386: epoll_wait, epoll_pwait, epoll_pwait2, semtimedop_time64, rt_sigtimedwait,
 * rt_sigtimedwait_time64, io_getevents, io_pgetevents_time64, accept4, recvfrom, recvmsg, read,
 * io_uring_enter. */
static const short interrupted32[] = {
	256, 319, 441, 420, 177, 421, 247, 416, 364, 371, 372, 3, 426
};

static bool listed(const short *list, size_t n, int64_t nr)
{
	for (size_t i = 0; i < n; i++)
		if (list[i] == nr)
			return true;
	return false;
}

bool regs_mend_interrupted(struct cpu_regs *regs)
{
	int32_t nr = regs->r.orig_rax;

	if (nr < 0 || result_signed(regs) != -EINTR)
		return false;
	if (regs_compat(regs) ? !listed(interrupted32, sizeof(interrupted32) / 2, nr)
			      : !listed(interrupted, sizeof(interrupted) / 2, nr))
		return false;
	regs->r.rax = -(int64_t)ERESTARTNOHAND;
	return true;
}

bool regs_block_hidden(const struct cpu_regs *regs)
{
	return (int32_t)regs->r.orig_rax ==
		       (regs_compat(regs) ? NR_RESTART_32 : __NR_restart_syscall) &&
	       result_signed(regs) == -EINTR;
}

bool regs_mend_block(struct cpu_regs *regs, long behind)
{
	static const short calls[] = { __NR_nanosleep, __NR_clock_nanosleep, __NR_poll,
				       __NR_futex };
	static const short calls32[] = { 162, 267, 407, 168, 240, 422 };
	int32_t nr = regs->r.orig_rax;

	if (nr < 0 || result_signed(regs) != -EINTR)
		return false;
	if (regs_block_hidden(regs)) {
		regs->r.rax = behind;
		regs->r.rip += behind ? 0 : 2;
		return true;
	}
	if (regs_compat(regs) ? !listed(calls32, sizeof(calls32) / 2, nr)
			      : !listed(calls, sizeof(calls) / 2, nr))
		return false;
	regs->r.rax = nr;
	return true;
}

bool regs_x32(const struct cpu_regs *regs)
{
	return (int64_t)regs->r.orig_rax >= 0 && !regs_compat(regs) &&
	       (regs->r.orig_rax & 0x40000000 /* __X32_SYSCALL_BIT */);
}

bool regs_restarts(const struct cpu_regs *regs)
{
	if ((int64_t)regs->r.orig_rax < 0 || (int32_t)regs->r.orig_rax < 0)
		return false;
	switch (-result_signed(regs)) {
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
	return regs_restarts(regs) && result_signed(regs) == -ERESTART_RESTARTBLOCK;
}

bool regs_restart_unless_handled(const struct cpu_regs *regs)
{
	return regs_restarts(regs) && result_signed(regs) == -ERESTARTNOHAND;
}

void regs_move(struct cpu_regs *regs, uint64_t ip)
{
	regs->r.rip = ip;
	regs->r.cs = USER_CS;
	regs->r.ss = USER_DS;
}

bool regs_restart(struct cpu_regs *regs, enum restart_mode mode)
{
	bool block = regs_restart_block(regs);

	if (!regs_restarts(regs))
		return false;
	if (block && mode == RESTART_LIVE)
		regs->r.rax = regs_compat(regs) ? NR_RESTART_32 : __NR_restart_syscall;
	else
		regs->r.rax = regs->r.orig_rax;
	regs->r.rip -= 2; /* the length of syscall, sysenter's landing pad and int $0x80 alike */
	regs->r.orig_rax = -1;
	return true;
}

int ptrace_get_regs(pid_t tid, struct cpu_regs *ret, struct err *err)
{
	if (tracer_ptrace(PTRACE_GETREGS, tid, 0, (uintptr_t)&ret->r) < 0)
		return err_sys(err, "ptrace", "can't read the registers of thread %d", tid);
	return 0;
}

int ptrace_set_regs(pid_t tid, const struct cpu_regs *regs, struct err *err)
{
	if (tracer_ptrace(PTRACE_SETREGS, tid, 0, (uintptr_t)&regs->r) < 0)
		return err_sys(err, "ptrace", "can't set the registers of thread %d", tid);
	return 0;
}

/* The extended state is the kernel's to keep, whatever calls a thread makes. */
int ptrace_get_vectors(pid_t tid, struct arena *a, struct cpu_vectors *ret, struct err *err)
{
	(void)tid;
	(void)a;
	(void)err;
	*ret = (struct cpu_vectors){ 0 };
	return 0;
}

int ptrace_set_vectors(pid_t tid, const struct cpu_vectors *vectors, struct err *err)
{
	(void)tid;
	(void)vectors;
	(void)err;
	return 0;
}

void ptrace_foresee(pid_t tid, struct cpu_call *ret)
{
	(void)tid;
	ret->nr = -1; /* the registers will say it all */
}

void ptrace_mend_regs(pid_t tid, const struct cpu_call *before, struct cpu_regs *regs)
{
	(void)before;
	if (regs_mend_interrupted(regs))
		ptrace_set_regs(tid, regs, NULL);
}

/* The registers say it all. */
int ptrace_land(pid_t tid, const struct cpu_regs *regs, uint64_t mask, uint64_t stub,
		const struct ptrace_waiter *waiter, struct err *err)
{
	int ret = ptrace_set_sigmask(tid, mask, err);

	(void)stub;
	(void)waiter;
	if (ret == 0)
		ret = fault_at("visit-unblocked", err);
	return ret < 0 ? ret : ptrace_set_regs(tid, regs, err);
}
