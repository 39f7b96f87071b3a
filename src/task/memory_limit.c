/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See memory_limit.h. v2 counts the tasks that it has ended in memory.events, for each group above
 * as well; v1 in memory.oom_control, for the task's own group alone.
 */
#include "task/memory_limit.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "kernel/proc/task.h"
#include "task/frozen_group.h"

#define NO_LIMIT (UINT64_C(1) << 60) /* v1 shows the largest number of pages, as bytes */

static const struct version {
	const char *limit, *used, *events;
} versions[] = {
	{ "memory.max", "memory.current", "memory.events" },
	{ "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.oom_control" },
};

struct place {
	const struct version *v;
	char path[4096]; /* of a group; it is cut short on the way up */
	size_t top;	 /* where the mount ends in it */
};

static FILE *open_file(const struct place *p, const char *name)
{
	char path[sizeof(p->path) + 64];

	snprintf(path, sizeof(path), "%s/%s", p->path, name);
	return fopen(path, "re");
}

/* 0: no number there. */
static uint64_t number(const struct place *p, const char *name)
{
	_cleanup_file_ FILE *f = open_file(p, name);
	unsigned long long n;

	return f && fscanf(f, "%llu", &n) == 1 ? n : 0;
}

static uint64_t count_killed(const struct place *p)
{
	_cleanup_file_ FILE *f = open_file(p, p->v->events);
	unsigned long long n;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "oom_kill %llu", &n) == 1)
			return n;
	return 0;
}

static uint64_t limit_of(const struct place *p)
{
	uint64_t n = number(p, p->v->limit); /* "max": none */

	return n < NO_LIMIT ? n : 0;
}

static bool find_place(pid_t pid, struct place *ret)
{
	struct arena arena = { 0 };
	struct proc_cgroups groups = { 0 };
	struct proc_buf buf = { 0 };
	struct proc proc = PROC_INIT;
	bool found = false;

	if (proc_open(&proc, pid, &buf, NULL) == 0)
		proc_cgroups(&proc, &arena, &groups, NULL);
	proc_close(&proc);
	proc_buf_free(&buf);
	for (size_t i = 0; !found && i < groups.n; i++) {
		const struct proc_cgroup *g = &groups.groups[i];
		bool v1 = g->hierarchy != 0;

		if ((v1 && !cgroup_has_word(g->controllers, "memory")) || g->path[0] != '/' ||
		    !cgroup_find_mount(v1 ? "memory" : NULL, ret->path, sizeof(ret->path)))
			continue;
		ret->v = &versions[v1];
		ret->top = strlen(ret->path);
		snprintf(ret->path + ret->top, sizeof(ret->path) - ret->top, "%s",
			 g->path[1] ? g->path : "");
		/* With both versions mounted, one of them has the controller. */
		found = v1 || number(ret, ret->v->used);
	}
	arena_free(&arena);
	return found;
}

/* To the group above; false: this was the highest. */
static bool climb(struct place *p)
{
	char *last = strrchr(p->path + p->top, '/');

	if (last)
		*last = '\0';
	return last;
}

bool memory_limit_killed(pid_t pid, char *buf, size_t size)
{
	struct place p;
	uint64_t killed;

	if (!find_place(pid, &p))
		return false;
	killed = count_killed(&p);
	do {
		uint64_t limit = limit_of(&p);

		if (!killed || !limit)
			continue;
		snprintf(
			buf, size,
			"the cgroup %.300s allows %llu bytes of memory (%s), and %llu of its tasks "
			"were ended for that so far",
			p.path, (unsigned long long)limit, p.v->limit, (unsigned long long)killed);
		return true;
	} while (climb(&p));
	return false;
}

bool memory_limit_full(pid_t pid, char *buf, size_t size)
{
	struct place p;

	if (!find_place(pid, &p))
		return false;
	do {
		uint64_t limit = limit_of(&p);

		if (!limit || number(&p, p.v->used) < limit - limit / 8)
			continue;
		snprintf(buf, size, "the cgroup %.300s allows %llu bytes of memory (%s)", p.path,
			 (unsigned long long)limit, p.v->limit);
		return true;
	} while (climb(&p));
	return false;
}

void memory_limit_explain(struct err *err)
{
	size_t len = strlen(err->text);
	char limit[400];

	if (err_is_set(err) && err->num == ENOMEM && !strstr(err->text, "memory.") &&
	    memory_limit_full(getpid(), limit, sizeof(limit)))
		snprintf(err->text + len, sizeof(err->text) - len, ": %s", limit);
}
