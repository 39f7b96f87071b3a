/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls with a time limit, right before their threads go on.
 *
 * Sleeps go on for what was left of their time. What was left stands where the program asked
 * the kernel to write it at an interruption (the rmtp of nanosleep(2)). A thread can't be given a
 * shorter call without its registers or its memory showing it; but it can be given a restart block:
 * in the agent it calls nanosleep for that time, and is interrupted at once. The kernel then has
 * the time at which the sleep ends, and the program's own call goes on with it by
 * restart_syscall(2).
 *
 * PTRACE_INTERRUPT at the call's entry makes the thread have a signal pending, as far as a sleep is
 * concerned, before it begins (kernel/signal.c, ptrace_trap_notify). So it always is interrupted,
 * and always has a restart block, unless no time was left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/blob.h"
#include "base/cleanup.h"
#include "engine/restore/restore.h"
#include "kernel/ptrace.h"
#include "kernel/restart.h"
#include "objects/process/core.h"

/* Where in the agent's code a system call is entered, by the instruction of the thread's program. */
static uint64_t entry(const struct restore_thread *th)
{
	for (unsigned int i = 0; i + CPU_SYSCALL_LENGTH <= agent_blob_size; i += CPU_CODE_ALIGN)
		if (cpu_is_syscall(th->core, agent_blob + i))
			return th->task->area_addr + i;
	return 0;
}

static int enter_call(const struct restore_thread *th, long nr, const uint64_t arg[6])
{
	struct err *err = restore_err(th->task->r);
	bool compat = cpu_compat(th->core);
	struct cpu_regs regs;
	int ret = ptrace_get_regs(th->vtid, &regs, err);

	if (ret < 0)
		return ret;
	if (compat)
		regs_set_syscall32(&regs, entry(th), nr, arg);
	else
		regs_set_syscall(&regs, entry(th), nr, arg);
	ret = ptrace_set_regs(th->vtid, &regs, err);
	if (ret == 0)
		ret = ptrace_syscall(th->vtid, 0, err);
	return ret < 0 ? ret : resume_stop(th->task->r, th->vtid, PTRACE_STOP_SYSCALL);
}

static int sleep_thread(struct restore_thread *th, int mem)
{
	struct err *err = restore_err(th->task->r);
	struct cpu_regs regs;
	uint64_t arg[6];
	long nr = cpu_sleep(th, &regs);
	int ret;

	if (!nr || !restart_time_left(&regs, nr, mem, arg))
		return 0;
	ret = enter_call(th, nr, arg);
	if (ret == 0)
		ret = ptrace_interrupt(th->vtid, err);
	if (ret == 0)
		ret = ptrace_cont(th->vtid, 0, err);
	if (ret == 0)
		ret = resume_stop(th->task->r, th->vtid, PTRACE_STOP_TRAP);
	if (ret == 0)
		ret = ptrace_get_regs(th->vtid, &regs, err);
	if (ret == 0)
		ptrace_mend_regs(th->vtid, NULL, &regs);
	if (ret == 0)
		th->goes_on = regs_restart_block(&regs);
	return ret;
}

/* CRIU does not write which call goes on behind restart_syscall(2): what the program's code and its
 * registers tell has to do. */
static void find_call(struct restore_thread *th, const struct cpu_regs *regs, int mem)
{
	struct restore *r = th->task->r;

	th->behind = restart_find(regs, mem, RESTART_ANY);
	if (!th->behind)
		report_warn(&r->s->report, th->task->vpid,
			    arena_printf(restore_arena(r), "thread %d", th->vtid),
			    "waits in restart_syscall(2) for a call with a time limit, and the "
			    "image does not say which; the call ends at once, with 0",
			    "");
}

int sleep_on(struct restore_task *t)
{
	_cleanup_fd_ int mem = -1;
	struct cpu_regs regs;
	char path[32];
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < t->n_threads; i++) {
		struct restore_thread *th = &t->threads[i];
		bool hidden = cpu_hidden_call(th, &regs);

		if (!hidden && !cpu_sleep(th, &regs))
			continue;
		if (mem < 0) {
			snprintf(path, sizeof(path), "/proc/%d/mem", t->vpid);
			mem = open(path, O_RDONLY | O_CLOEXEC);
		}
		if (mem < 0)
			continue;
		if (hidden)
			find_call(th, &regs, mem);
		else
			ret = sleep_thread(th, mem);
	}
	return ret;
}
