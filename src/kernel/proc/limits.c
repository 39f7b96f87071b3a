/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/PID/limits (proc_pid_limits() in fs/proc/base.c): a heading, then a line for each resource
 * with its name padded to 25 characters, the two limits padded to 20, and a unit. prlimit(2) of
 * another user's task wants CAP_SYS_RESOURCE, this file does not.
 */
#include <errno.h>

#include "kernel/proc/list.h"
#include "kernel/proc/task.h"
#include "kernel/scan.h"

static const char *const names[RLIM_NLIMITS] = {
	[RLIMIT_CPU] = "Max cpu time",
	[RLIMIT_FSIZE] = "Max file size",
	[RLIMIT_DATA] = "Max data size",
	[RLIMIT_STACK] = "Max stack size",
	[RLIMIT_CORE] = "Max core file size",
	[RLIMIT_RSS] = "Max resident set",
	[RLIMIT_NPROC] = "Max processes",
	[RLIMIT_NOFILE] = "Max open files",
	[RLIMIT_MEMLOCK] = "Max locked memory",
	[RLIMIT_AS] = "Max address space",
	[RLIMIT_LOCKS] = "Max file locks",
	[RLIMIT_SIGPENDING] = "Max pending signals",
	[RLIMIT_MSGQUEUE] = "Max msgqueue size",
	[RLIMIT_NICE] = "Max nice priority",
	[RLIMIT_RTPRIO] = "Max realtime priority",
	[RLIMIT_RTTIME] = "Max realtime timeout",
};

static rlim_t parse_limit(struct scan *s)
{
	scan_blanks(s);
	return scan_try_str(s, "unlimited") ? RLIM_INFINITY : scan_dec(s);
}

int proc_limits_parse(const char *text, size_t len, struct proc_limits *ret)
{
	struct scan s = scan_text(text, len), line;
	struct proc_limits limits;
	uint32_t seen = 0;

	while (scan_line(&s, &line)) {
		for (int i = 0; i < RLIM_NLIMITS; i++) {
			struct scan rest = line;

			if (!scan_try_str(&rest, names[i]) || !scan_left(&rest) || *rest.p != ' ')
				continue;
			limits.limit[i].rlim_cur = parse_limit(&rest);
			limits.limit[i].rlim_max = parse_limit(&rest);
			if (rest.bad || limits.limit[i].rlim_cur > limits.limit[i].rlim_max)
				return -EBADMSG;
			seen |= UINT32_C(1) << i;
			break;
		}
	}
	if (seen != (UINT32_C(1) << RLIM_NLIMITS) - 1)
		return -EBADMSG;
	*ret = limits;
	return 0;
}

int proc_limits(const struct proc *p, struct proc_limits *ret, struct err *err)
{
	char *text;
	size_t len;
	int e = proc_read_single(p, "limits", &text, &len, err);

	if (e)
		return e;
	return proc_limits_parse(text, len, ret) ? proc_bad_text(p, "limits", err) : 0;
}
