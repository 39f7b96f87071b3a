/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for each other, and for the end of those that fail. Counters lie in shared memory. */
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "engine/restore.h"
#include "kernel/ptrace.h"
#include "objects/security/security.h"

static void futex_wait(_Atomic uint32_t *word, uint32_t value, const struct timespec *timeout)
{
	syscall(SYS_futex, word, FUTEX_WAIT, value, timeout, NULL, 0);
}

void task_post(_Atomic uint32_t *counter)
{
	atomic_fetch_add(counter, 1);
	syscall(SYS_futex, counter, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

_Noreturn void task_fail(struct restore *r)
{
	task_post(&r->shared->failed);
	_exit(1);
}

void task_wait(struct restore *r, _Atomic uint32_t *counter, uint32_t value)
{
	/* The tool kills everybody when somebody fails; the timeout is for a tool that is gone. */
	const struct timespec second = { .tv_sec = 1 };

	for (;;) {
		uint32_t now = *counter;

		if (r->shared->failed)
			_exit(1);
		if (now >= value)
			return;
		futex_wait(counter, now, &second);
	}
}

/* A living task must not end now: said by whoever died, or by its exit status. */
static int look_for_dead(struct restore *r)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
		struct restore_task *t = hash_get(&r->task_by_pid, pid);
		struct ptrace_report report;

		ptrace_parse_status(status, &report);
		if (report.kind == PTRACE_STOP_SIGNAL && t &&
		    (report.signo == SIGSEGV || report.signo == SIGBUS || report.signo == SIGILL ||
		     report.signo == SIGSYS || report.signo == SIGTRAP)) {
			struct cpu_regs regs = { 0 };

			ptrace_get_regs(pid, &regs, NULL);
			return err_set(restore_err(r), ERR_INTERNAL, EFAULT,
				       "task %d got signal %d at 0x%llx while it was being restored",
				       pid, report.signo, (unsigned long long)regs_ip(&regs));
		}
		if (report.kind == PTRACE_STOP_SIGNAL || report.kind == PTRACE_STOP_TRAP ||
		    report.kind == PTRACE_STOP_EVENT) {
			ptrace_cont(pid, report.kind == PTRACE_STOP_SIGNAL ? report.signo : 0, NULL);
			continue;
		}
		if (report.kind != PTRACE_STOP_GONE || !t || t->helper || t->zombie)
			continue;
		return err_set(restore_err(r), ERR_TASK_CHANGED, ECHILD,
			       "task %d ended while it was being restored (wait status 0x%x)", pid,
			       status);
	}
	return 0;
}

int wait_counter(struct restore *r, _Atomic uint32_t *counter, uint32_t value, const char *what)
{
	const struct timespec tick = { .tv_nsec = 10000000 };
	unsigned int turns = 0;

	for (;;) {
		uint32_t now = *counter;
		int ret;

		if (r->shared->failed || r->shared->bad)
			return -ECANCELED;
		if (now >= value)
			return 0;
		futex_wait(counter, now, &tick);
		if (*counter >= value)
			continue;
		ret = look_for_dead(r);
		if (ret == 0)
			ret = interrupt_check(restore_err(r), what);
		if (ret < 0)
			return ret;
		if (++turns > 60000)
			return err_set(restore_err(r), ERR_TIMEOUT, ETIMEDOUT,
				       "the tasks did not come as far as: %s", what);
	}
}

/* Filters of a confined task must not see what the agent and the tool do in it. */
static unsigned long seize_options(const struct restore_task *t)
{
	return PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD |
	       (seccomp_confines(t) ? PTRACE_O_SUSPEND_SECCOMP : 0);
}

/* The leaders are held already. Threads wait before their filters until they are, too. */
int seize_confined(struct restore *r)
{
	size_t n = seccomp_threads(r);
	int ret = n ? wait_counter(r, &r->shared->filters_ready, n, "seccomp can be installed") : 0;

	for (size_t i = 0; ret == 0 && n && i < r->n_tasks; i++) {
		struct restore_task *t = r->tasks[i];

		for (size_t k = 1; ret == 0 && seccomp_confines(t) && k < t->n_threads; k++) {
			ret = ptrace_seize(t->threads[k].vtid, seize_options(t), restore_err(r));
			t->threads[k].seized = ret == 0;
		}
	}
	if (ret == 0)
		task_post(&r->shared->filters_go);
	return ret;
}

/* From here on the kernel ends the tasks if the tool is killed. */
int seize_leaders(struct restore *r)
{
	for (size_t i = 0; i < r->n_tasks; i++) {
		struct restore_task *t = r->tasks[i];
		int ret;

		if (t->zombie || t->helper)
			continue;
		ret = ptrace_seize(t->vpid, seize_options(t), restore_err(r));
		if (ret < 0)
			return ret;
		t->real_pid = t->vpid;
		journal_add(&r->s->journal, "task %d %llu\n", t->vpid,
			    (unsigned long long)process_start_time(t->vpid));
	}
	return 0;
}

/* Only what is known to be ours is killed: the root, and the leaders that are held. All others have
 * a parent's death for their own (PR_SET_PDEATHSIG), and come to us as orphans. */
void kill_tree(struct restore *r)
{
	int status;

	for (size_t i = 0; i < r->n_tasks; i++)
		if (r->tasks[i]->real_pid > 0)
			kill(r->tasks[i]->real_pid, SIGKILL);
	while (waitpid(-1, &status, __WALL) > 0 || errno == EINTR)
		continue;
}

static int read_memory(pid_t pid, uint64_t addr, void *buf, size_t len)
{
	struct iovec local = { buf, len }, remote = { (void *)addr, len };

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)len ? 0 : -errno;
}

/* The program of a task that stands in the agent because a call did not do what it had to. */
static bool explain_program(struct restore *r, struct restore_task *t, uint64_t header)
{
	struct agent_program head;
	struct agent_call call;
	char note[128] = "";

	if (read_memory(t->vpid, t->area_addr + header, &head, sizeof(head)) < 0 || !head.failed ||
	    !head.done)
		return false;
	if (read_memory(t->vpid, t->area_addr + head.calls + (head.done - 1) * sizeof(call), &call,
			sizeof(call)) < 0)
		return false;
	if (call.note)
		for (size_t i = 0; i + 1 < sizeof(note); i++)
			if (read_memory(t->vpid, t->area_addr + call.note + i, &note[i], 1) < 0 ||
			    !note[i])
				break;
	err_set(restore_err(r), ERR_AGENT, call.result < 0 && call.result >= -4095 ? -call.result : 0,
		"task %d: call %llu, %s %d(0x%llx, 0x%llx, 0x%llx, 0x%llx), for its %s gave %lld",
		t->vpid, (unsigned long long)head.done,
		call.op == AGENT_SYSCALL ? "system call" : "operation",
		call.op == AGENT_SYSCALL ? call.nr : call.op, (unsigned long long)call.arg[0],
		(unsigned long long)call.arg[1], (unsigned long long)call.arg[2],
		(unsigned long long)call.arg[3], note, (long long)call.result);
	return true;
}

int explain_failure(struct restore *r)
{
	for (size_t i = 0; i < r->n_tasks; i++) {
		struct restore_task *t = r->tasks[i];
		struct agent_program head;

		if (t->zombie || t->helper)
			continue;
		for (size_t k = 0; k < t->n_threads && r->shared->header[t->index]; k++)
			if (explain_program(r, t, r->shared->header[t->index] + k * sizeof(head)))
				return -ECANCELED;
	}
	return err_set(restore_err(r), ERR_AGENT, ECANCELED, "a task's program failed");
}
