/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See kmem_tasks.h. Whom a thread traces is in its list `ptraced`, which that thread alone makes
 * longer; and who stands in a ptrace stop leaves it by its own end only (kernel/ptrace.c). All that
 * is asked for of one is copied in one piece, of which its members are a small part.
 */
#include "kernel/kmem_tasks.h"

#include <errno.h>
#include <string.h>

#define TASK_SPAN   8192
#define MEMBER_MAX  64 /* bytes of a member that are looked at */
#define PID_SPAN    2048
#define TRACEES_MAX 0x400000 /* as many ids as there can be */

/* Of task_struct; X(name, path) */
#define TASK_PLACES(X)                                                                             \
	X(flags, "task_struct.flags")                                                              \
	X(attributes, "task_struct.atomic_flags")                                                  \
	X(children, "task_struct.children")                                                        \
	X(ptraced, "task_struct.ptraced")                                                          \
	X(ptrace_entry, "task_struct.ptrace_entry")                                                \
	X(thread_pid, "task_struct.thread_pid")                                                    \
	X(creds, "task_struct.real_cred")                                                          \
	X(comm, "task_struct.comm")                                                                \
	X(namespaces, "task_struct.nsproxy")                                                       \
	X(process, "task_struct.signal")                                                           \
	X(pending, "task_struct.pending")                                                          \
	X(seccomp, "task_struct.seccomp")
/* Of others. */
#define PART_PLACES(X)                                                                             \
	X(set, "sigpending.signal")                                                                \
	X(mode, "seccomp.mode")                                                                    \
	X(level, "pid.level")                                                                      \
	X(numbers, "pid.numbers")                                                                  \
	X(nr, "upid.nr")

struct task_places {
	BTF_PLACES(TASK_PLACES);
	int from, to; /* of a task_struct, what is copied */
};

struct tasks {
	struct kmem *k;
	struct task_places at;
	struct {
		BTF_PLACES(PART_PLACES);
	} part;
	int upid_size;
	uint32_t level; /* of the caller's pid namespace */
};

static int find_places(struct tasks *x, struct btf *b)
{
	int err = BTF_FIND(b, TASK_PLACES, &x->at) ?: BTF_FIND(b, PART_PLACES, &x->part);

	x->upid_size = btf_size(b, "upid");
	if (err < 0 || x->upid_size < 0)
		return -ENOENT;
	x->at.from = x->at.to = x->at.flags;
	for (size_t i = 0; i < sizeof(x->at.places) / sizeof(x->at.places[0]); i++) {
		int to = x->at.places[i] + MEMBER_MAX;

		x->at.from = x->at.places[i] < x->at.from ? x->at.places[i] : x->at.from;
		x->at.to = to > x->at.to ? to : x->at.to;
	}
	return x->at.to - x->at.from <= TASK_SPAN ? 0 : -ENOENT;
}

/* Of a struct pid, the level and the number in the caller's namespace in one piece. */
static int read_ids(struct tasks *x, uint64_t pid, struct kmem_task *t)
{
	const uint64_t step = x->upid_size;
	uint64_t own = x->part.numbers + x->level * step + x->part.nr;
	char piece[PID_SPAN];
	uint32_t level;
	int err = pid ? kmem_read(x->k, pid + x->part.level, piece,
				  own + sizeof(t->tid) - x->part.level)
		      : -ESRCH;

	if (err < 0)
		return err;
	memcpy(&level, piece, sizeof(level));
	memcpy(&t->tid, piece + own - x->part.level, sizeof(t->tid));
	t->innermost = t->tid;
	if (level > x->level)
		err = kmem_read(x->k, pid + own + (level - x->level) * step, &t->innermost,
				sizeof(t->innermost));
	return level < x->level ? -ESRCH : err;
}

#define TAKE(to, from) memcpy(&(to), copy + (from), sizeof(to))

/* *ret_next: the link behind its own in the tracer's list. */
static int read_task(struct tasks *x, uint64_t task, struct kmem_task *t, uint64_t *ret_next)
{
	const struct task_places *at = &x->at;
	char piece[TASK_SPAN], *copy = piece - at->from;
	int err = kmem_read(x->k, task + at->from, piece, at->to - at->from);
	uint64_t pid, child;

	if (err < 0)
		return err;
	TAKE(*ret_next, at->ptrace_entry);
	TAKE(t->process, at->process);
	TAKE(t->namespaces, at->namespaces);
	TAKE(t->creds, at->creds);
	TAKE(t->attributes, at->attributes);
	TAKE(t->pending, at->pending + x->part.set);
	TAKE(t->flags, at->flags);
	TAKE(t->seccomp, at->seccomp + x->part.mode);
	TAKE(t->comm, at->comm);
	t->comm[sizeof(t->comm) - 1] = '\0';
	TAKE(child, at->children);
	t->has_children = child != task + at->children;
	TAKE(pid, at->thread_pid);
	return read_ids(x, pid, t);
}

int kmem_tracees(struct kmem *k, struct btf *b, int (*each)(void *data, const struct kmem_task *t),
		 void *data)
{
	struct tasks x = { .k = k };
	int err = find_places(&x, b);
	uint64_t self = kmem_current(k), head, link, pid;

	if (err < 0)
		return err;
	head = self + x.at.ptraced;
	pid = kmem_pointer(k, self, x.at.thread_pid);
	link = kmem_pointer(k, self, x.at.ptraced);
	if (!self || !pid || !link)
		return -ENOENT;
	err = kmem_read(k, pid + x.part.level, &x.level, sizeof(x.level));
	if (x.part.level > x.part.numbers ||
	    x.part.numbers + (x.level + 1ul) * x.upid_size > PID_SPAN)
		err = -ENOENT;
	for (size_t i = 0; err == 0 && link != head; i++) {
		struct kmem_task t;

		err = i < TRACEES_MAX ? read_task(&x, link - x.at.ptrace_entry, &t, &link) : -ELOOP;
		if (err == 0)
			err = each(data, &t);
	}
	return err;
}
