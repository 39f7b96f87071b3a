/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc shows of a process before the dump must be there after the restore: ranges and
 * names of memory areas, descriptors, mounts, limits, and of status, stat and statm all that
 * is state and not a counter. No helper's name may be left.
 *
 *	wl: areas   task arch
 *	wl: flavours host user
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "workload.h"

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const files[] = {
	"/proc/self/limits", "/proc/self/mountinfo", "/proc/self/cmdline", "/proc/self/environ",
	"/proc/self/cgroup", "/proc/self/comm",	     "/proc/self/auxv",	   "/proc/self/uid_map",
};
#define FILES (int)(sizeof(files) / sizeof(*files))

static const char *const keys[] = {
	"Name",	   "Umask",	   "Tgid",	   "Pid",	  "Uid",	"Gid",
	"Groups",  "NSpid",	   "NSpgid",	   "NSsid",	  "VmLck",	"VmPin",
	"VmData",  "VmStk",	   "VmExe",	   "VmLib",	  "VmSize",	"HugetlbPages",
	"Threads", "SigPnd",	   "ShdPnd",	   "SigBlk",	  "SigIgn",	"SigCgt",
	"CapInh",  "CapPrm",	   "CapEff",	   "CapBnd",	  "CapAmb",	"NoNewPrivs",
	"Seccomp", "Cpus_allowed", "Mems_allowed", "THP_enabled", "untag_mask",
};
#define KEYS (int)(sizeof(keys) / sizeof(*keys))

/* Areas with range, protection, offset, device, inode, name: the whole line. */
static char *maps(void)
{
	return wl_read_file("/proc/self/maps");
}

static char *descriptors(void)
{
	char *list = calloc(1, 65536), link[4096];
	DIR *dir = opendir("/proc/self/fd");

	wl_check(list && dir);
	/* By number, not in the order of the directory. */
	for (int fd = 0; fd < 1024; fd++) {
		char *path = wl_format("/proc/self/fd/%d", fd);
		ssize_t n = fd == dirfd(dir) ? -1 : readlink(path, link, sizeof(link) - 1);

		free(path);
		if (n < 0)
			continue;
		link[n] = 0;
		/* Nameless objects are new ones: their inode numbers change. */
		if (link[0] != '/' && strchr(link, '['))
			*strchr(link, '[') = 0;
		sprintf(list + strlen(list), "%d -> %s\n", fd, link);
	}
	closedir(dir);
	return list;
}

/* Fields of /proc/self/stat that are state: see proc_pid_stat(5). */
static char *stat_state(void)
{
	static const int state[] = { 5,	 6,  7,	 18, 19, 20, 26, 27, 28, 38,
				     40, 41, 45, 46, 47, 48, 49, 50, 51, 0 };
	char *text = wl_read_file("/proc/self/stat"), *list = calloc(1, 4096);
	char *at = strrchr(text, ')') + 1;

	wl_check(list);
	for (int field = 3, i = 0; state[i] && (at = strchr(at, ' ')); field++) {
		at++;
		if (field != state[i])
			continue;
		sprintf(list + strlen(list), "%d=%.*s ", field, (int)strcspn(at, " \n"), at);
		i++;
	}
	free(text);
	return list;
}

struct view {
	char *files[FILES], *keys[KEYS], *maps, *descriptors, *stat;
};

static void look(struct view *view)
{
	for (int i = 0; i < FILES; i++)
		view->files[i] = wl_read_file(files[i]);
	for (int i = 0; i < KEYS; i++)
		view->keys[i] = wl_field("/proc/self/status", keys[i]);
	view->descriptors = descriptors();
	view->stat = stat_state();
	view->maps = maps();
}

int main(void)
{
	struct view before, after;

	/* The heap gets room enough at once: looking must not change what is looked at. */
	wl_check(mallopt(M_TOP_PAD, 8 << 20) && mallopt(M_MMAP_THRESHOLD, 1 << 20));
	look(&before);
	look(&before);
	wl_ready_and_wait();
	look(&after);
	wl_check_text("maps", after.maps, before.maps);
	for (int i = 0; i < FILES; i++)
		wl_check_text(files[i], after.files[i], before.files[i]);
	for (int i = 0; i < KEYS; i++)
		wl_check_text(keys[i], after.keys[i], before.keys[i]);
	wl_check_text("descriptors", after.descriptors, before.descriptors);
	wl_check_text("stat", after.stat, before.stat);
	wl_pass();
}
