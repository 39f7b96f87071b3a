/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that have left what their process shares: unshare(2) lets a thread have a working
 * directory and umask (CLONE_FS), a descriptor table (CLONE_FILES), semaphore undo lists or
 * namespaces of its own. The image format has them once a process: such a thread is refused.
 */
#include <errno.h>

#include "kernel/kcmp.h"
#include "kernel/proc_task.h"
#include "objects/process/process.h"

static const struct {
	enum kcmp_type type;
	const char *text;
} objects[] = {
	{ KCMP_T_FS, "has a working directory, root and umask of its own (unshare(CLONE_FS))" },
	{ KCMP_T_FILES, "has a descriptor table of its own (unshare(CLONE_FILES))" },
};

static int check_objects(struct dump_thread *th, const char *name)
{
	pid_t leader = th->task->threads[0].stop->tid;

	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		int order, ret = kcmp_objects(leader, th->stop->tid, objects[i].type, &order,
					      dump_err(th->task->dump));

		if (ret < 0)
			return ret;
		if (order)
			task_refuse(th->task, name, objects[i].text, "");
	}
	return 0;
}

/* A thread can enter these without its process; the others take a single thread or CLONE_FS. */
static const enum ns_kind kinds[] = { NS_NET, NS_IPC, NS_UTS, NS_CGROUP, NS_PID_FOR_CHILDREN };
#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static int read_namespaces(struct dump_task *t, const struct proc *proc, uint32_t ino[N_KINDS])
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < N_KINDS; i++) {
		ret = proc_ns_ino(proc, kinds[i], &ino[i], NULL);
		if (ret == -ENOENT) { /* not in this kernel */
			ino[i] = 0;
			ret = 0;
		}
	}
	return ret < 0 ? err_set(dump_err(t->dump), ERR_KERNEL, -ret,
				 "can't read the namespaces of the threads of %d", t->vpid)
		       : 0;
}

static int check_namespaces(struct dump_thread *th, const uint32_t *leader, const char *name)
{
	struct dump_task *t = th->task;
	struct proc proc = PROC_INIT;
	uint32_t own[N_KINDS];
	int ret = proc_open_thread(&proc, &t->stop->proc, th->stop->tid, dump_err(t->dump));

	if (ret == 0)
		ret = read_namespaces(t, &proc, own);
	proc_close(&proc);
	for (size_t i = 0; ret == 0 && i < N_KINDS; i++)
		if (own[i] != leader[i])
			task_refuse(t, name,
				    arena_printf(dump_arena(t->dump),
						 "is in another %s namespace than its process",
						 ns_names[kinds[i]]),
				    "");
	return ret;
}

static int collect(struct dump_task *t)
{
	uint32_t leader[N_KINDS];
	int ret;

	if (t->zombie || t->n_threads < 2)
		return 0;
	ret = read_namespaces(t, &t->stop->proc, leader);
	for (size_t i = 1; ret == 0 && i < t->n_threads; i++) {
		struct dump_thread *th = &t->threads[i];
		const char *name = arena_printf(dump_arena(t->dump), "thread %d", th->vtid);

		ret = check_objects(th, name);
		if (ret == 0)
			ret = check_namespaces(th, leader, name);
	}
	return ret;
}

const struct state_class sharing_state = {
	.name = "sharing among threads",
	.collect = collect,
	.examine = collect,
};
