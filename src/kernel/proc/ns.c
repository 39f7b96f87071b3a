/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/ns (namespaces(7)): magic links "net:[4026531840]". The inode number names the
 * namespace as long as anything holds it (Linux 3.8).
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "kernel/proc/list.h"
#include "kernel/proc/task.h"
#include "kernel/scan.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

const char *const ns_names[NS_KINDS] = {
	[NS_CGROUP] = "cgroup", [NS_IPC] = "ipc",
	[NS_MNT] = "mnt",	[NS_NET] = "net",
	[NS_PID] = "pid",	[NS_PID_FOR_CHILDREN] = "pid_for_children",
	[NS_TIME] = "time",	[NS_TIME_FOR_CHILDREN] = "time_for_children",
	[NS_USER] = "user",	[NS_UTS] = "uts",
};

int ns_clone_flag(enum ns_kind kind)
{
	static const int flags[NS_KINDS] = {
		[NS_CGROUP] = CLONE_NEWCGROUP, [NS_IPC] = CLONE_NEWIPC,
		[NS_MNT] = CLONE_NEWNS,	       [NS_NET] = CLONE_NEWNET,
		[NS_PID] = CLONE_NEWPID,       [NS_PID_FOR_CHILDREN] = CLONE_NEWPID,
		[NS_TIME] = CLONE_NEWTIME,     [NS_TIME_FOR_CHILDREN] = CLONE_NEWTIME,
		[NS_USER] = CLONE_NEWUSER,     [NS_UTS] = CLONE_NEWUTS,
	};

	return flags[kind];
}

int proc_ns_parse(const char *text, size_t len, uint32_t *ret)
{
	struct scan s = scan_text(text, len);
	uint32_t ino;

	scan_until(&s, ':');
	if (!scan_try_str(&s, ":["))
		return -EBADMSG;
	ino = scan_u32(&s);
	scan_expect(&s, ']');
	if (s.bad || !scan_at_end(&s))
		return -EBADMSG;
	*ret = ino;
	return 0;
}

int proc_ns_ino(const struct proc *p, enum ns_kind kind, uint32_t *ret, struct err *err)
{
	char name[32], target[64];
	ssize_t n;

	snprintf(name, sizeof(name), "ns/%s", ns_names[kind]);
	n = readlinkat(p->fd, name, target, sizeof(target));
	if (n < 0)
		return proc_fail(p, "readlinkat", "reading the link", name, err);
	return proc_ns_parse(target, n, ret) ? proc_bad_text(p, name, err) : 0;
}

int proc_ns(const struct proc *p, unsigned int kinds, struct proc_ns *ret, struct err *err)
{
	struct proc_ns ns = { 0 };

	for (int kind = 0; kind < NS_KINDS; kind++) {
		int e = 0;

		if (kinds & NS_BIT(kind))
			e = proc_ns_ino(p, kind, &ns.ino[kind], NULL);

		/* Kinds that this kernel lacks; pid_for_children of one whose init has not started.
		 */
		if (e == -ENOENT)
			continue;
		if (e)
			return proc_ns_ino(p, kind, &ns.ino[kind], err);
	}
	*ret = ns;
	return 0;
}
