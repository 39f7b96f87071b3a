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

#include "agent/listing.h"
#include "agent/syscalls.h"
#include "base/coverage.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "engine/restore/restore.h"
#include "kernel/proc/task.h"
#include "kernel/ptrace.h"
#include "objects/security/security.h"
#include "task/death.h"
#include "task/memory_limit.h"
#include "task/tree.h"

static void futex_wait(_Atomic uint32_t *word, uint32_t value, const struct timespec *timeout)
{
	syscall(SYS_futex, word, FUTEX_WAIT, value, timeout, NULL, 0);
}

/*
 * A robust futex (set_robust_list(2)) that the tool holds all its life: at its end the kernel sets
 * FUTEX_OWNER_DIED in the word, in shared memory. Unlike a parent-death signal it can't come too
 * early for a task that has just been forked, nor pass by one whose parent is not the tool; unlike
 * a process id it is right about zombies, and in every namespace. The C library's own list, which
 * this one replaces, is only for robust mutexes, of which the tool has none.
 */
void lifeline_hold(struct restore *r)
{
	static struct robust_list_head head;

	r->shared->lifeline.word = gettid();
	r->shared->lifeline.list.next = &head.list;
	head.list.next = &r->shared->lifeline.list;
	/* cppcheck-suppress comparePointers */
	head.futex_offset = (char *)&r->shared->lifeline.word - (char *)&r->shared->lifeline.list;
	syscall(SYS_set_robust_list, &head, sizeof(head));
}

void lifeline_check(const struct restore *r)
{
	if (r->shared->lifeline.word & FUTEX_OWNER_DIED)
		_exit(1);
}

void task_post(_Atomic uint32_t *counter, uint32_t goal)
{
	if (atomic_fetch_add(counter, 1) + 1 >= goal)
		syscall(SYS_futex, counter, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

_Noreturn void task_fail(struct restore *r)
{
	coverage_note(); /* behind the word the tool kills everybody */
	task_post(&r->shared->failed, 0);
	_exit(1);
}

void task_wait(struct restore *r, _Atomic uint32_t *counter, uint32_t value)
{
	/* The tool kills everybody when somebody fails, and the kernel most when the tool is gone:
	 * the timeout is for those who have no such parent. It grows, since hundreds of tasks that
	 * look again and again keep from work those who are waited for. */
	struct timespec moment = { .tv_nsec = 50000000 };

	for (;; moment.tv_nsec = moment.tv_nsec < 400000000 ? 2 * moment.tv_nsec : 800000000) {
		uint32_t now = *counter;

		if (r->shared->failed)
			_exit(1);
		lifeline_check(r);
		if (now >= value)
			return;
		futex_wait(counter, now, &moment);
	}
}

static int task_ended(struct restore *r, pid_t pid, int status)
{
	char limit[512];

	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL &&
	    memory_limit_killed(getpid(), limit, sizeof(limit)))
		return err_set(restore_err(r), ERR_RESOURCE, ENOMEM,
			       "task %d was killed while it was being restored, most likely by the "
			       "kernel: %s",
			       pid, limit);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return err_set(restore_err(r), ERR_RESOURCE, ENOMEM,
			       "task %d was killed while it was being restored: by somebody, or by "
			       "the kernel, whose log then says that the memory of a cgroup or of "
			       "the machine was used up",
			       pid);
	return err_set(restore_err(r), ERR_TASK_ENDED, ECHILD,
		       "task %d ended while it was being restored (wait status 0x%x)", pid, status);
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
			return err_set(
				restore_err(r), ERR_INTERNAL, EFAULT,
				"task %d got signal %d at 0x%llx while it was being restored", pid,
				report.signo, (unsigned long long)regs_ip(&regs));
		}
		/* Also one whom somebody has sent a stop signal: it is not to be stopped yet. */
		if (report.kind == PTRACE_STOP_SIGNAL || report.kind == PTRACE_STOP_TRAP ||
		    report.kind == PTRACE_STOP_GROUP || report.kind == PTRACE_STOP_EVENT) {
			ptrace_cont(pid, report.kind == PTRACE_STOP_SIGNAL ? report.signo : 0,
				    NULL);
			continue;
		}
		if (report.kind != PTRACE_STOP_GONE || !t || t->helper || t->zombie)
			continue;
		return task_ended(r, pid, status);
	}
	return 0;
}

/* The first task that somebody has stopped, and since when it is. */
struct stopped {
	pid_t pid; /* 0: none */
	uint64_t since;
};

static void note_stopped(struct stopped *s, pid_t pid)
{
	if (pid != s->pid)
		*s = (struct stopped){ pid, monotonic_ns() };
}

/* Before the tool holds it nobody sends it on, and all others wait for it. */
static int judge_stopped(struct restore *r, const struct stopped *s)
{
	unsigned int seconds = r->s->opts->timeout;

	if (!s->pid || !seconds || monotonic_ns() - s->since < seconds * UINT64_C(1000000000))
		return 0;
	return err_set(restore_err(r), ERR_TIMEOUT, ETIMEDOUT,
		       "task %d was stopped by somebody while it was being restored, and has not "
		       "been sent on within %u s (SIGCONT)",
		       s->pid, seconds);
}

/*
 * Tasks below the root are not the tool's children before it traces them: the notice of their end
 * goes to a parent that waits for others itself. A leader that ends on purpose (leader.c) leaves
 * threads behind.
 */
static int look_at_tasks(struct restore *r, struct stopped *stopped)
{
	pid_t first = 0;

	for (size_t i = 0; i < r->n_tasks; i++) {
		struct restore_task *t = r->tasks[i];
		struct proc_buf buf = { 0 };
		struct proc proc = PROC_INIT;
		struct proc_stat stat = { 0 };

		if (proc_open(&proc, t->vpid, &buf, NULL) == 0 && proc_stat(&proc, &stat, NULL) < 0)
			stat.state = 0;
		proc_close(&proc);
		proc_buf_free(&buf);
		if (stat.state == 'T' && !first && !t->helper)
			first = t->vpid;
		if (stat.state == 'Z' && stat.num_threads <= 1 && !t->zombie && !t->helper)
			return task_ended(r, t->vpid, stat.exit_code);
	}
	note_stopped(stopped, first);
	return judge_stopped(r, stopped);
}

static uint64_t bytes_of_pages(struct restore *r)
{
	struct image_file *files;
	struct err err = { 0 };
	uint64_t bytes = 0;
	size_t n;

	if (image_dir_list(r->s->images, restore_arena(r), &err, &files, &n) < 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		bytes += files[i].kind == IMAGE_PAGES ? files[i].size : 0;
	return bytes;
}

/* The tool has nothing to do meanwhile, so it is who tells how far the tasks are. What the images
 * hold is looked up only if somebody is told. */
static void tell_progress(struct restore *r)
{
	struct progress *p = &r->progress;

	if (!progress_due(p))
		return;
	if (!p->total)
		p->total = bytes_of_pages(r);
	progress_show(p, r->shared->filled);
}

int wait_counter(struct restore *r, _Atomic uint32_t *counter, uint32_t value, const char *what)
{
	const struct timespec tick = { .tv_nsec = 10000000 };
	struct stopped stopped = { 0 };
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
		tell_progress(r);
		ret = look_for_dead(r);
		if (ret == 0 && ++turns % 50 == 0)
			ret = look_at_tasks(r, &stopped);
		if (ret == 0)
			ret = interrupt_check(restore_err(r), what);
		if (ret < 0)
			return ret;
		if (turns > 60000)
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
		task_post(&r->shared->filters_go, 1);
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
		t->start_time = process_start_time(t->vpid);
		journal_add(&r->s->journal, "task %d %llu\n", t->vpid,
			    (unsigned long long)t->start_time);
	}
	return 0;
}

/* False: it is nobody that we could wait for, or any longer. */
static bool bury(struct vigil *vigil, pid_t pid)
{
	int ret = vigil_await(vigil, pid);

	if (ret < 0)
		log_warn("Task %d was killed, but does not end: it may be in an uninterruptible "
			 "wait (see /proc/%d/stack)",
			 pid, pid);
	return ret > 0;
}

/* Only what is known to be ours is killed: the root, and the leaders that are held. All others have
 * a parent's death for their own (PR_SET_PDEATHSIG), and come to us as orphans. So do processes
 * that a script has left in the background: those are not waited for. */
void kill_tree(struct restore *r)
{
	struct vigil vigil;
	bool any;

	for (size_t i = 0; i < r->n_tasks; i++)
		if (r->tasks[i]->real_pid > 0)
			kill(r->tasks[i]->real_pid, SIGKILL);
	vigil_begin(&vigil, r->s->opts->timeout);
	do {
		any = false;
		for (size_t i = 0; i < r->n_tasks; i++) {
			const struct restore_task *t = r->tasks[i];

			/* A process is not waited for before its traced threads are. */
			for (size_t k = 1; k < t->n_threads; k++)
				if (t->threads[k].seized)
					bury(&vigil, t->threads[k].vtid);
			any |= bury(&vigil, t->vpid);
		}
	} while (any);
	vigil_end(&vigil);
}

static int read_area(const void *source, uint64_t off, void *buf, size_t n)
{
	const struct restore_task *t = source;

	return task_read(t->vpid, t->area_addr + off, buf, n);
}

int too_many_tasks(struct restore *r, const char *what, pid_t id)
{
	return err_set(restore_err(r), ERR_RESOURCE, EAGAIN,
		       "can't make a %s with the id %d: there are as many tasks as a cgroup "
		       "(pids.max), the user's limit (RLIMIT_NPROC) or the machine's "
		       "(kernel.threads-max, kernel.pid_max) allows",
		       what, id);
}

/* The program of a task that stands in the agent because a call did not do what it had to. */
static bool explain_program(struct restore *r, struct restore_task *t, uint64_t header)
{
	const struct listing l = { read_area, t };
	struct agent_program head = { 0 };
	struct agent_call call = { 0 };
	char note[128] = "", text[256];

	if (read_area(t, header, &head, sizeof(head)) < 0 || !head.failed || !head.done ||
	    read_area(t, head.calls + (head.done - 1) * sizeof(call), &call, sizeof(call)) < 0)
		return false;
	if (call.op == AGENT_THREAD && call.result == -EEXIST) {
		id_is_taken(r, (pid_t)call.want);
		return true;
	}
	if (call.op == AGENT_THREAD && call.result == -EAGAIN) {
		err_add_pid(restore_err(r), t->vpid, too_many_tasks(r, "thread", call.want));
		return true;
	}
	if (call.note)
		for (size_t i = 0; i + 1 < sizeof(note); i++)
			if (read_area(t, call.note + i, &note[i], 1) < 0 || !note[i])
				break;
	err_set(restore_err(r), ERR_AGENT,
		call.result < 0 && call.result >= -4095 ? -call.result : 0,
		"task %d: call %llu, %s, for its %s gave %lld", t->vpid,
		(unsigned long long)head.done, listing_text(text, sizeof(text), &l, &call), note,
		(long long)call.result);
	if (call.op == AGENT_SYSCALL && syscall_name(call.nr, false))
		err_add_call(restore_err(r), syscall_name(call.nr, false));
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
