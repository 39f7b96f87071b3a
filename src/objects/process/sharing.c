/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that have left what their process shares: unshare(2) lets a thread have a working
 * directory and umask (CLONE_FS), a descriptor table (CLONE_FILES), semaphore undo lists or
 * namespaces of its own. The image format has them once a process: such a thread is refused.
 */
#include <errno.h>

#include "kernel/kcmp.h"
#include "kernel/proc/task.h"
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

static void check_namespaces(struct dump_thread *th, const char *name)
{
	struct dump_task *t = th->task;

	for (int kind = 0; kind < NS_KINDS; kind++)
		if ((THREAD_NS & NS_BIT(kind)) && th->ns.ino[kind] != t->threads[0].ns.ino[kind])
			task_refuse(t, name,
				    arena_printf(dump_arena(t->dump),
						 "is in another %s namespace than its process",
						 ns_names[kind]),
				    "");
}

static int collect(struct dump_task *t)
{
	int ret = 0;

	for (size_t i = 1; ret == 0 && i < t->n_threads; i++) {
		struct dump_thread *th = &t->threads[i];
		const char *name = arena_printf(dump_arena(t->dump), "thread %d", th->vtid);

		ret = check_objects(th, name);
		if (ret == 0)
			check_namespaces(th, name);
	}
	return ret;
}

const struct state_class sharing_state = {
	.name = "sharing among threads",
	.collect = collect,
	.examine = collect,
};
