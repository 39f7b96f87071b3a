/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See frozen_group.h. Whether a group is asked to freeze stands in freezer.self_freezing (v1) or
 * cgroup.freeze (v2); a group that is frozen holds all groups below it too, so those above the
 * task's own are asked as well. The roots of both hierarchies have no such file; which groups they
 * are, only the first cgroup namespace shows.
 */
#include "task/frozen_group.h"

#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "kernel/proc/task.h"

#define FIRST_CGROUP_NAMESPACE 0xeffffffbu /* PROC_CGROUP_INIT_INO, include/linux/proc_ns.h */

bool cgroup_has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += len)
		if ((at == list || at[-1] == ',') && (at[len] == ',' || !at[len]))
			return true;
	return false;
}

bool cgroup_find_mount(const char *controller, char *ret, size_t size)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	bool found = false;

	while (mounts && !found && (m = getmntent(mounts))) {
		found = controller ? !strcmp(m->mnt_type, "cgroup") && hasmntopt(m, controller)
				   : !strcmp(m->mnt_type, "cgroup2");
		if (found)
			snprintf(ret, size, "%s", m->mnt_dir);
	}
	if (mounts)
		endmntent(mounts);
	return found;
}

/* Mounts are not looked through for it, which would take as long as all else of the check. */
static bool is_root(const struct proc_cgroup *g)
{
	struct stat st;

	return !g->path[1] && stat("/proc/self/ns/cgroup", &st) == 0 &&
	       st.st_ino == FIRST_CGROUP_NAMESPACE;
}

static bool asked_to_freeze(const char *group, const char *name)
{
	char path[4096 + 64], text = '0';
	_cleanup_fd_ int fd = -1;

	snprintf(path, sizeof(path), "%s/%s", group, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &text, 1) == 1 && text == '1';
}

/* The group, or the one above it, that holds its tasks. */
static bool find_frozen(const struct proc_cgroup *g, char *path, size_t size)
{
	bool v1 = g->hierarchy != 0;
	size_t top;

	if (g->path[0] != '/' || is_root(g) ||
	    !cgroup_find_mount(v1 ? "freezer" : NULL, path, size))
		return false;
	top = strlen(path);
	snprintf(path + top, size - top, "%s", g->path);
	while (strlen(path) > top) {
		if (asked_to_freeze(path, v1 ? "freezer.self_freezing" : "cgroup.freeze"))
			return true;
		*strrchr(path, '/') = '\0';
	}
	return false;
}

bool frozen_group_v1_exists(void)
{
	_cleanup_file_ FILE *list = fopen("/proc/cgroups", "re");
	unsigned int hierarchy, groups;
	char line[128];

	while (list && fgets(line, sizeof(line), list))
		if (sscanf(line, "freezer %u %u", &hierarchy, &groups) == 2)
			return hierarchy && groups > 1; /* 0 is the hierarchy of v2 */
	return false;
}

int frozen_group_check(pid_t pid, struct err *err)
{
	struct arena arena = { 0 };
	struct proc_cgroups groups = { 0 };
	struct proc_buf buf = { 0 };
	struct proc proc = PROC_INIT;
	char path[4096];
	int ret = 0;

	if (proc_open(&proc, pid, &buf, NULL) == 0)
		proc_cgroups(&proc, &arena, &groups, NULL);
	proc_close(&proc);
	proc_buf_free(&buf);
	for (size_t i = 0; ret == 0 && i < groups.n; i++) {
		const struct proc_cgroup *g = &groups.groups[i];

		if ((!g->hierarchy || cgroup_has_word(g->controllers, "freezer")) &&
		    find_frozen(g, path, sizeof(path)))
			ret = err_set(err, ERR_TASK_FROZEN, EBUSY,
				      "task %d does not run: its cgroup %s is frozen", pid, path);
	}
	arena_free(&arena);
	return ret;
}
