/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ptrace(2) on seized threads. Pids are the tool's. All return 0 or a negative errno and fill err;
 * -ESRCH means that the thread is gone (or not stopped, which the callers never let happen).
 */
#ifndef KERNEL_PTRACE_H
#define KERNEL_PTRACE_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/err.h"
#include "kernel/regs.h"

/* What a stopped thread reported. */
enum ptrace_stop {
	PTRACE_STOP_TRAP,    /* by ptrace_interrupt */
	PTRACE_STOP_GROUP,   /* stopped by a stop signal, .signo */
	PTRACE_STOP_SIGNAL,  /* about to take signal .signo */
	PTRACE_STOP_SYSCALL, /* at a system call (PTRACE_O_TRACESYSGOOD) */
	PTRACE_STOP_EVENT,   /* another event, .signo says which */
	PTRACE_STOP_GONE,    /* has ended; .signo is the wait status */
};

/* PTRACE_SEIZE (Linux 3.4): attaches without stopping. -EPERM: traced by another, or no right. */
int ptrace_seize(pid_t tid, unsigned long options, struct err *err);
int ptrace_interrupt(pid_t tid, struct err *err);
int ptrace_set_options(pid_t tid, unsigned long options, struct err *err);
/* signo: delivered as the thread goes on; 0 none. */
int ptrace_cont(pid_t tid, int signo, struct err *err);
/* Goes on to the next entry to or exit from a system call. */
int ptrace_syscall(pid_t tid, int signo, struct err *err);
int ptrace_detach(pid_t tid, int signo, struct err *err);

int ptrace_get_regs(pid_t tid, struct cpu_regs *ret, struct err *err);
int ptrace_set_regs(pid_t tid, const struct cpu_regs *regs, struct err *err);
/*
 * For a thread that was stopped by ptrace_interrupt(), and the registers just read of it: finds out
 * whether a call waits to be restarted, where the registers alone don't say so; and takes an EINTR
 * back that no signal caused (regs_mend_interrupted), in the thread, too. before: what
 * ptrace_foresee() saw before the interrupt; where registers don't hold all of an interrupted call,
 * it does.
 */
void ptrace_foresee(pid_t tid, struct cpu_call *ret);
void ptrace_mend_regs(pid_t tid, const struct cpu_call *before, struct cpu_regs *regs);
/*
 * Gives a stopped thread the mask and the registers with which it goes on; a call that waits to be
 * restarted counts as interrupted. The thread blocks all signals, and stands at a way out
 * (exit_stand in task/exits.h) whose first instruction, at stub, is a system call: some processors
 * have to be led through one. wait: lets nothing pass until the thread has stopped like that.
 */
struct ptrace_waiter {
	int (*wait)(void *data, pid_t tid, enum ptrace_stop kind, struct err *err);
	void *data;
};
int ptrace_land(pid_t tid, const struct cpu_regs *regs, uint64_t mask, uint64_t stub,
		const struct ptrace_waiter *waiter, struct err *err);
/* A register set by its NT_* type; *len is the room, then what came. -ENODEV: the CPU lacks it. */
int ptrace_get_regset(pid_t tid, int type, void *buf, size_t *len, struct err *err);
int ptrace_set_regset(pid_t tid, int type, const void *buf, size_t len, struct err *err);

/* Blocked signals, bit n-1 is signal n (Linux 3.11). */
int ptrace_get_sigmask(pid_t tid, uint64_t *ret, struct err *err);
int ptrace_set_sigmask(pid_t tid, uint64_t mask, struct err *err);
/* Copies up to n queued signals from place off on: the shared queue or the thread's. The count. */
int ptrace_peek_siginfo(pid_t tid, bool shared, uint64_t off, siginfo_t *buf, int n,
			struct err *err);

/* Syscall user dispatch (Linux 6.4), as the kernel gives and takes it: struct ptrace_sud_config. A
 * range of addresses whose calls are dispatched (6.17) is shown as its complement, which runs over
 * the end of the address space; setting that takes it as well. mode 0: it is off. */
struct ptrace_dispatch {
	uint64_t mode, selector, offset, len;
};
int ptrace_get_dispatch(pid_t tid, struct ptrace_dispatch *ret, struct err *err);
int ptrace_set_dispatch(pid_t tid, const struct ptrace_dispatch *dispatch, struct err *err);

/* struct rseq's registration (Linux 5.13). -EIO: the kernel can't tell. */
struct ptrace_rseq {
	uint64_t pointer;
	uint32_t size, signature, flags;
};
int ptrace_get_rseq(pid_t tid, struct ptrace_rseq *ret, struct err *err);

struct ptrace_report {
	enum ptrace_stop kind;
	int signo;
};
void ptrace_parse_status(int status, struct ptrace_report *ret);

/* May we attach to it? Asks by the same rules, without any effect: 0 or a negative errno. */
int ptrace_may_attach(pid_t pid);
/* Memory of a process that we may attach to, also without process_vm_readv(2). */
int task_read(pid_t pid, uint64_t addr, void *buf, size_t len);
/* Whom else the Yama security module lets attach (kernel.yama.ptrace_scope): a half sentence for
 * messages about an EPERM. */
const char *ptrace_whom_allowed(void);

/* Memory of a stopped process by /proc/PID/mem, which also writes to read-only private mappings. */
int mem_read(int mem_fd, uint64_t addr, void *buf, size_t len);
int mem_write(int mem_fd, uint64_t addr, const void *buf, size_t len);

#endif
