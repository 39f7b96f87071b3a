/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp: strict mode, or a chain of filters (classic BPF programs), of each thread. A chain only
 * grows; threads and children that were made later share its older part.
 *
 * Dump. PTRACE_SECCOMP_GET_FILTER gives a filter as it was installed; index 0 is the oldest. While
 * the agent is in the thread, filters are suspended (PTRACE_O_SUSPEND_SECCOMP): its calls are not
 * the program's. Both need CAP_SYS_ADMIN in the first user namespace.
 *
 * The image holds a flat list for the whole tree, of chains linked from old to new. Threads with
 * equal chains are taken to share one; then only the leader has it, its filters marked with TSYNC.
 *
 * Restore. Filters are installed before the credentials change, because who has not set
 * no_new_privs needs CAP_SYS_ADMIN for it, and before that the tool has made itself the tracer that
 * suspends them. What is a common beginning of the chains of all threads is installed by the leader
 * for all (TSYNC), so that it is one chain again: a later TSYNC of the program demands that.
 *
 * The kernel shows the LOG flag of a filter only. SPEC_ALLOW is not seen; where our own image tells
 * how speculation is controlled, filters are installed with it and leave that to attributes.c.
 */
#include "kernel/tracer.h"
#include "objects/security/security.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "image/reader.h"
#include "image/writer.h"
#include "kernel/ptrace.h"
#include "objects/registry.h"
#include "objects/restored.h"

#ifndef PTRACE_O_SUSPEND_SECCOMP
#define PTRACE_O_SUSPEND_SECCOMP (1 << 21)
#endif
#define GET_FILTER   0x420c /* PTRACE_SECCOMP_GET_FILTER */
#define GET_METADATA 0x420d
#define FILTER_FLAGS                                                                               \
	(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW)
#define MAX_CHAIN 4096 /* every filter counts at least 5 of the kernel's 32768 instructions */

/* A thread's filters, oldest first. */
struct chain {
	const SeccompFilter **filters;
	size_t n;
	int mode; /* SECCOMP_MODE_* */
};

static bool same_filter(const SeccompFilter *a, const SeccompFilter *b)
{
	return a == b || (a->filter.len == b->filter.len && a->flags == b->flags &&
			  !memcmp(a->filter.data, b->filter.data, a->filter.len));
}

/* How many filters both chains begin with. */
static size_t common_part(const struct chain *a, const struct chain *b)
{
	size_t n = 0;

	while (n < a->n && n < b->n && same_filter(a->filters[n], b->filters[n]))
		n++;
	return n;
}

/* --- dump ----------------------------------------------------------------------------------- */

static SeccompEntry *dump_list(struct dump *d)
{
	if (!d->priv[SLOT_SECCOMP])
		d->priv[SLOT_SECCOMP] = arena_msg(dump_arena(d), SeccompEntry, seccomp_entry);
	return d->priv[SLOT_SECCOMP];
}

/* A filter that asks a supervisor: the descriptor by which that one listens can't be made again. */
static bool asks_supervisor(const struct sock_filter *insns, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (insns[i].code == (BPF_RET | BPF_K) &&
		    (insns[i].k & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF)
			return true;
	return false;
}

/* *ret_filter is NULL behind the last one. */
static int read_filter(struct dump_thread *th, unsigned long index, SeccompFilter **ret_filter)
{
	struct arena *a = dump_arena(th->task->dump);
	struct {
		uint64_t index, flags;
	} meta = { .index = index };
	pid_t tid = th->stop->tid;
	struct sock_filter *insns;
	SeccompFilter *f;
	long n;

	*ret_filter = NULL;
	n = tracer_ptrace(GET_FILTER, tid, index, 0);
	if (n < 0 && errno == ENOENT)
		return 0;
	if (n < 0)
		return err_sys(dump_err(th->task->dump), "ptrace",
			       "can't read seccomp filter %lu of "
			       "thread %d",
			       index, th->vtid);
	insns = arena_array(a, struct sock_filter, n);
	if (tracer_ptrace(GET_FILTER, tid, index, (uintptr_t)insns) != n)
		return err_sys(dump_err(th->task->dump), "ptrace",
			       "can't read seccomp filter %lu of "
			       "thread %d",
			       index, th->vtid);
	if (asks_supervisor(insns, n))
		task_refuse(
			th->task,
			arena_printf(a, "seccomp filter %lu of thread %d", index, th->vtid),
			"hands system calls to a supervisor (SECCOMP_RET_USER_NOTIF), whose connection "
			"can't be made again",
			"Run the program without that supervisor.");
	f = arena_msg(a, SeccompFilter, seccomp_filter);
	f->filter.data = (void *)insns;
	f->filter.len = n * sizeof(*insns);
	f->has_flags = true;
	/* Linux 4.16; before, there were no flags to see. */
	if (tracer_ptrace(GET_METADATA, tid, sizeof(meta), (uintptr_t)&meta) >= 0)
		f->flags = meta.flags;
	*ret_filter = f;
	return 0;
}

static int read_chain(struct dump_thread *th, struct chain *chain)
{
	for (;;) {
		SeccompFilter *f;
		int ret = read_filter(th, chain->n, &f);

		if (ret < 0 || !f)
			return ret;
		arena_push(dump_arena(th->task->dump), chain->filters, chain->n, f);
	}
}

static int collect_thread(struct dump_thread *th)
{
	struct dump *d = th->task->dump;
	struct chain *chain = arena_new(dump_arena(d), struct chain);
	int ret;

	chain->mode = th->status->seccomp;
	th->priv[SLOT_SECCOMP] = chain;
	if (chain->mode == SECCOMP_MODE_DISABLED)
		return 0;
	ret = ptrace_set_options(th->stop->tid, PTRACE_O_TRACESYSGOOD | PTRACE_O_SUSPEND_SECCOMP,
				 NULL);
	if (ret < 0)
		return err_set(
			dump_err(d), ERR_PERMISSION, -ret,
			"thread %d is confined by seccomp, and suspending that takes CAP_SYS_ADMIN "
			"in the first user namespace and no seccomp filter around crtools itself",
			th->vtid);
	return chain->mode == SECCOMP_MODE_FILTER ? read_chain(th, chain) : 0;
}

/* Appends the chain to the tree's list and makes the thread refer to its oldest filter. */
static void put_chain(struct dump_thread *th, uint32_t flags)
{
	struct chain *chain = state_priv(th, SLOT_SECCOMP, struct chain);
	ThreadCoreEntry *tc = th->core->thread_core;
	SeccompEntry *list = dump_list(th->task->dump);
	struct arena *a = dump_arena(th->task->dump);

	if (chain->mode == SECCOMP_MODE_DISABLED)
		return;
	tc->has_seccomp_mode = true;
	tc->seccomp_mode = chain->mode;
	if (chain->mode != SECCOMP_MODE_FILTER)
		return;
	tc->has_seccomp_filter = true;
	tc->seccomp_filter = list->n_seccomp_filters;
	for (size_t i = 0; i < chain->n; i++) {
		SeccompFilter *f = arena_memdup(a, chain->filters[i], sizeof(*f));

		f->flags |= flags;
		f->has_prev = i + 1 < chain->n;
		f->prev = list->n_seccomp_filters + 1;
		arena_push(a, list->seccomp_filters, list->n_seccomp_filters, f);
	}
}

static int absorb(struct dump_task *t)
{
	const struct chain *first = state_priv(&t->threads[0], SLOT_SECCOMP, struct chain);
	bool equal = first->mode == SECCOMP_MODE_FILTER;

	for (size_t i = 1; i < t->n_threads; i++) {
		const struct chain *chain = state_priv(&t->threads[i], SLOT_SECCOMP, struct chain);

		equal = equal && chain->n == first->n && common_part(chain, first) == first->n;
	}
	if (equal) {
		put_chain(&t->threads[0], SECCOMP_FILTER_FLAG_TSYNC);
		return 0;
	}
	for (size_t i = 0; i < t->n_threads; i++)
		put_chain(&t->threads[i], 0);
	return 0;
}

static int write_list(struct dump *d)
{
	return image_write_one(d->s->images, IMAGE_SECCOMP, 0, dump_list(d), dump_err(d));
}

/* --- restore: check ------------------------------------------------------------------------- */

static int read_list(struct restore_task *t, const SeccompEntry **ret_list)
{
	struct restore *r = t->r;
	SeccompEntry *list = r->priv[SLOT_SECCOMP];
	int ret;

	if (list) {
		*ret_list = list;
		return 0;
	}
	ret = image_read_opt(r->s->images, IMAGE_SECCOMP, 0, restore_arena(r), restore_err(r),
			     &list);
	if (ret < 0)
		return ret;
	if (!list)
		list = arena_msg(restore_arena(r), SeccompEntry, seccomp_entry);
	for (size_t i = 0; i < list->n_seccomp_filters; i++) {
		const SeccompFilter *f = list->seccomp_filters[i];
		size_t n = f->filter.len / sizeof(struct sock_filter);

		if (f->filter.len % sizeof(struct sock_filter) || !n || n > BPF_MAXINSNS)
			return image_bad(t, IMAGE_SECCOMP, 0, "seccomp filter %zu has %zu bytes", i,
					 f->filter.len);
		if (f->flags & ~(uint32_t)FILTER_FLAGS)
			return image_bad(t, IMAGE_SECCOMP, 0,
					 "seccomp filter %zu has the flags 0x%x", i, f->flags);
	}
	r->priv[SLOT_SECCOMP] = list;
	*ret_list = list;
	return 0;
}

/* The mode and the first filter, where an old image has them in the task's part. */
static int mode_of(const struct restore_thread *th, uint32_t *ret_filter)
{
	const ThreadCoreEntry *th_core = th->core->thread_core;
	const TaskCoreEntry *tc = th->task->core->tc;

	*ret_filter = th_core->seccomp_filter;
	if (th_core->has_seccomp_mode)
		return th_core->seccomp_mode;
	if (!thread_leads(th) || !tc->has_old_seccomp_mode)
		return SECCOMP_MODE_DISABLED;
	*ret_filter = tc->old_seccomp_filter;
	return tc->old_seccomp_mode;
}

static int follow_chain(struct restore_thread *th, const SeccompEntry *list, struct chain *chain)
{
	struct restore_task *t = th->task;
	uint32_t at;

	chain->mode = mode_of(th, &at);
	if (chain->mode < SECCOMP_MODE_DISABLED || chain->mode > SECCOMP_MODE_FILTER)
		return image_bad(t, IMAGE_CORE, th->vtid, "thread %d has the seccomp mode %d",
				 th->vtid, chain->mode);
	if (chain->mode != SECCOMP_MODE_FILTER)
		return 0;
	for (;;) {
		if (at >= list->n_seccomp_filters || chain->n == MAX_CHAIN)
			return image_bad(
				t, IMAGE_CORE, th->vtid,
				"the seccomp filters of thread %d lead to number %u of %zu",
				th->vtid, at, list->n_seccomp_filters);
		arena_push(restore_arena(t->r), chain->filters, chain->n,
			   list->seccomp_filters[at]);
		if (!list->seccomp_filters[at]->has_prev)
			return 0;
		at = list->seccomp_filters[at]->prev;
	}
}

static bool has_sys_admin(void)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct caps[2];

	return syscall(SYS_capget, &head, caps) == 0 && (caps[0].effective & (1u << CAP_SYS_ADMIN));
}

/* t->priv: an array of chains, one a thread; NULL when no thread is confined. */
static int check(struct restore_task *t)
{
	const SeccompEntry *list = NULL;
	struct chain *chains;
	bool any = false;
	int ret;

	if (t->zombie || t->helper)
		return 0;
	ret = read_list(t, &list);
	if (ret < 0)
		return ret;
	chains = arena_array(restore_arena(t->r), struct chain, t->n_threads);
	for (size_t i = 0; ret == 0 && i < t->n_threads; i++) {
		ret = follow_chain(&t->threads[i], list, &chains[i]);
		any = any || chains[i].mode != SECCOMP_MODE_DISABLED;
	}
	if (ret < 0 || !any)
		return ret;
	/* The leader's chain is that of all. */
	for (size_t i = 1; i < t->n_threads && chains[0].n; i++)
		if (chains[i].mode == SECCOMP_MODE_DISABLED &&
		    (chains[0].filters[0]->flags & SECCOMP_FILTER_FLAG_TSYNC))
			chains[i] = chains[0];
	t->priv[SLOT_SECCOMP] = chains;
	if (!has_sys_admin())
		restored_refuse(t, "seccomp filters",
				"installing them as they were takes CAP_SYS_ADMIN "
				"in the first user namespace",
				"Run crtools restore as root.");
	return 0;
}

bool seccomp_confines(const struct restore_task *t)
{
	return t->priv[SLOT_SECCOMP] != NULL;
}

size_t seccomp_threads(const struct restore *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n_tasks; i++)
		if (seccomp_confines(r->tasks[i]))
			n += r->tasks[i]->n_threads;
	return n;
}

/* --- restore: the calls --------------------------------------------------------------------- */

static void put_filter(struct restore_thread *th, const SeccompFilter *f, uint32_t more_flags)
{
	struct program *p = th->prog;
	struct sock_fprog prog = { .len = f->filter.len / sizeof(struct sock_filter) };
	uint32_t flags = (f->flags & ~SECCOMP_FILTER_FLAG_TSYNC) | more_flags;
	uint64_t at = area_put(p->area, &prog, sizeof(prog));
	uint64_t insns = area_put(p->area, f->filter.data, f->filter.len);

	if (th->extra && th->extra->n_speculation)
		flags |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	program_op(p, AGENT_STORE, 0, AREA(at + offsetof(struct sock_fprog, filter)), AREA(insns),
		   IMM(sizeof(prog.filter)));
	/* With TSYNC the id of a thread in the way would be the result. */
	program_want(
		p, program_call(p, SYS_seccomp, IMM(SECCOMP_SET_MODE_FILTER), IMM(flags), AREA(at)),
		0);
}

/* Where the leader says that the common part stands; one counter a task, reserved by the leader,
 * whose program is always built first. */
static uint64_t common_counter(struct restore_thread *th)
{
	struct restore_task *t = th->task;
	uint64_t *at = t->priv[SLOT_SECCOMP_COMMON];

	if (!at) {
		t->priv[SLOT_SECCOMP_COMMON] = at = arena_new(restore_arena(t->r), uint64_t);
		*at = area_reserve(th->prog->area, sizeof(uint32_t));
	}
	return *at;
}

/* How many of the oldest filters all threads have. */
static size_t common_to_all(const struct restore_task *t, const struct chain *chains)
{
	size_t n = chains[0].n;

	for (size_t i = 1; i < t->n_threads; i++) {
		size_t part = common_part(&chains[0], &chains[i]);

		if (part < n)
			n = part;
	}
	return n;
}

/* All threads have come here, and the tool has suspended what they are about to install. */
static void put_rendezvous(struct restore_thread *th)
{
	struct restore_shared *shared = th->task->r->shared;

	program_note(th->prog, "the tracer that suspends seccomp");
	program_op(th->prog, AGENT_POST, 0, IMM(&shared->filters_ready), IMM(0));
	program_op(th->prog, AGENT_WAIT, 0, IMM(&shared->filters_go), IMM(1));
}

static void put_common(struct restore_thread *th, const struct chain *chain, size_t common)
{
	uint64_t counter = common_counter(th);

	if (!thread_leads(th)) {
		program_op(th->prog, AGENT_WAIT, 0, AREA(counter), IMM(1));
		return;
	}
	for (size_t i = 0; i < common; i++)
		put_filter(th, chain->filters[i], SECCOMP_FILTER_FLAG_TSYNC);
	program_op(th->prog, AGENT_POST, 0, AREA(counter), IMM(1));
}

static int emit_thread(struct restore_thread *th)
{
	struct restore_task *t = th->task;
	const struct chain *chains = t->priv[SLOT_SECCOMP], *chain;
	size_t common = 0;

	if (!chains)
		return 0;
	chain = &chains[th - t->threads];
	program_stage(th->prog, STAGE_FILTERS);
	put_rendezvous(th);
	program_note(th->prog, "seccomp filters of thread %d", th->vtid);
	if (t->n_threads > 1)
		common = common_to_all(t, chains);
	if (common)
		put_common(th, chain, common);
	for (size_t i = common; i < chain->n; i++)
		put_filter(th, chain->filters[i], 0);
	if (chain->mode == SECCOMP_MODE_STRICT)
		program_do(th->prog, SYS_prctl, IMM(PR_SET_SECCOMP), IMM(SECCOMP_MODE_STRICT),
			   IMM(0), IMM(0), IMM(0));
	return 0;
}

/* Filters are read by ptrace from a stopped thread only. */
static int examine(struct dump_task *t)
{
	bool filtered = false;

	for (size_t i = 0; i < t->n_threads; i++)
		filtered |= t->threads[i].status->seccomp == SECCOMP_MODE_FILTER;
	if (filtered)
		task_warn(t, "its seccomp filters",
			  "can't be read while it runs; a filter that hands calls "
			  "to a supervisor (SECCOMP_RET_USER_NOTIF) can't be kept",
			  "");
	return 0;
}

const struct state_class seccomp_state = {
	.name = "seccomp",
	.collect_thread = collect_thread,
	.examine = examine,
	.absorb = absorb,
	.write = write_list,
	.check = check,
	.emit_thread = emit_thread,
};
