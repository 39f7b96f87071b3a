/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/cgroup (cgroups(7)): "hierarchy:controllers:path". Paths are escaped by seq_file's
 * rules for newlines; names of version 1 hierarchies ("name=systemd") hold no colon.
 */
#include <errno.h>

#include "kernel/proc/list.h"
#include "kernel/proc/task.h"
#include "kernel/scan.h"

static const char *dup_part(struct arena *a, const struct scan *s)
{
	char *copy = arena_alloc(a, scan_left(s) + 1);

	memcpy(copy, s->p, scan_left(s));
	return copy;
}

int proc_cgroups_parse(struct arena *a, const char *text, size_t len, struct proc_cgroups *ret)
{
	static const char gone[] = " (deleted)";
	const size_t suffix = sizeof(gone) - 1;
	struct scan s = scan_text(text, len), line;
	struct proc_cgroups list = { 0 };

	while (scan_line(&s, &line)) {
		struct proc_cgroup group = { 0 };
		struct scan part;

		group.hierarchy = scan_u32(&line);
		scan_expect(&line, ':');
		part = scan_until(&line, ':');
		scan_expect(&line, ':');
		if (line.bad || scan_at_end(&line) || *line.p != '/')
			return -EBADMSG;
		group.controllers = dup_part(a, &part);
		if (scan_left(&line) > suffix && !memcmp(line.end - suffix, gone, suffix)) {
			group.deleted = true;
			line.end -= suffix;
		}
		group.path = dup_part(a, &line);
		arena_push(a, list.groups, list.n, group);
	}
	*ret = list;
	return 0;
}

int proc_cgroups(const struct proc *p, struct arena *a, struct proc_cgroups *ret, struct err *err)
{
	char *text;
	size_t len;
	int e = proc_read_single(p, "cgroup", &text, &len, err);

	if (e)
		return e;
	return proc_cgroups_parse(a, text, len, ret) ? proc_bad_text(p, "cgroup", err) : 0;
}
