/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile text of /proc/PID. The first byte says which parser ('A' stat, 'B' status …), the rest is
 * the file. What is accepted has to hold together.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/proc/fd.h"
#include "kernel/proc/maps.h"
#include "kernel/proc/mountinfo.h"
#include "kernel/proc/stat.h"
#include "kernel/proc/task.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_stat(struct arena *a, const char *text, size_t len)
{
	struct proc_stat st;

	(void)a;
	if (!proc_stat_parse(text, len, &st))
		assert(strlen(st.comm) < sizeof(st.comm));
}

static void fuzz_status(struct arena *a, const char *text, size_t len)
{
	struct proc_status st;

	if (proc_status_parse(a, text, len, &st))
		return;
	assert(memchr(st.name, '\0', sizeof(st.name)) && memchr(st.ssb, '\0', sizeof(st.ssb)));
	assert(st.ns_pid.n >= 0 && st.ns_pid.n <= PROC_PIDNS_MAX);
}

static void fuzz_maps(struct arena *a, const char *text, size_t len)
{
	struct proc_areas list;

	if (proc_areas_parse(a, text, len, &list))
		return;
	for (size_t i = 0; i < list.n; i++) {
		assert(list.areas[i].start < list.areas[i].end);
		assert(!i || list.areas[i - 1].end <= list.areas[i].start);
		assert(strlen(list.areas[i].path) <= len);
		assert(proc_areas_find(&list, list.areas[i].start) == &list.areas[i]);
	}
}

static void fuzz_fdinfo(struct arena *a, const char *text, size_t len)
{
	struct proc_fdinfo info;
	uint64_t v;

	if (proc_fdinfo_parse(a, text, len, &info))
		return;
	assert(!info.text[info.text_len] && info.text_len <= len);
	proc_fdinfo_num(&info, "eventfd-count", 16, &v);
	proc_fdinfo_num(&info, "clockid", 10, &v);
}

static void fuzz_lock(struct arena *a, const char *text, size_t len)
{
	struct proc_lock lock;

	(void)a;
	proc_lock_parse(text, len, &lock);
}

static void fuzz_timers(struct arena *a, const char *text, size_t len)
{
	struct proc_timers list;

	if (!proc_timers_parse(a, text, len, &list))
		assert(list.n <= len);
}

static void fuzz_limits(struct arena *a, const char *text, size_t len)
{
	struct proc_limits limits;

	(void)a;
	if (proc_limits_parse(text, len, &limits))
		return;
	for (int i = 0; i < RLIM_NLIMITS; i++)
		assert(limits.limit[i].rlim_cur <= limits.limit[i].rlim_max);
}

static void fuzz_mountinfo(struct arena *a, const char *text, size_t len)
{
	struct proc_mounts list;

	if (proc_mountinfo_parse(a, text, len, &list))
		return;
	for (size_t i = 0; i < list.n; i++)
		assert(*list.mounts[i].point && *list.mounts[i].fstype);
}

static void fuzz_cgroup(struct arena *a, const char *text, size_t len)
{
	struct proc_cgroups list;

	if (proc_cgroups_parse(a, text, len, &list))
		return;
	for (size_t i = 0; i < list.n; i++)
		assert(strlen(list.groups[i].path) <= len);
}

static void fuzz_small(struct arena *a, const char *text, size_t len)
{
	struct proc_arch_status arch;
	struct proc_syscall sc;
	struct proc_tids tids = { 0 };
	struct proc_link link;
	uint32_t ino;

	proc_syscall_parse(text, len, &sc);
	proc_arch_status_parse(text, len, &arch);
	proc_children_parse(a, text, len, &tids);
	proc_ns_parse(text, len, &ino);
	proc_link_parse(a, text, len, &link);
	assert(strlen(link.path) <= len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parsers[])(struct arena *, const char *, size_t) = {
		fuzz_stat,   fuzz_status, fuzz_maps,	  fuzz_fdinfo, fuzz_lock,
		fuzz_timers, fuzz_limits, fuzz_mountinfo, fuzz_cgroup, fuzz_small,
	};
	struct arena arena = { 0 };
	size_t which;

	if (!size)
		return 0;
	which = (uint8_t)(data[0] - 'A');
	if (which < sizeof(parsers) / sizeof(*parsers))
		parsers[which](&arena, (const char *)data + 1, size - 1);
	arena_free(&arena);
	return 0;
}
