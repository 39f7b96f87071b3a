/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes that are files below /proc/PID: oom_score_adj, coredump_filter, loginuid, autogroup.
 * A restored task writes its own, before it loses the tool's privileges, where they differ from
 * what it has inherited.
 *
 * After a new pid namespace was entered, /proc may be that of another one (and has no "self"), or
 * not be there: then a mount of proc is made that nobody else sees.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "objects/process/creds.h"
#include "objects/process/process.h"

#define OOM_MIN (-1000)
#define OOM_MAX 1000

/* --- dump ----------------------------------------------------------------------------------- */

static int read_oom(struct dump_task *t)
{
	int value, ret = proc_oom_score_adj(&t->stop->proc, &value, dump_err(t->dump));

	if (ret < 0)
		return ret;
	t->core->tc->has_oom_score_adj = true;
	t->core->tc->oom_score_adj = value;
	return 0;
}

static int collect(struct dump_task *t)
{
	uint32_t value;
	int id, nice;

	if (t->zombie)
		return 0;
	/* What this kernel does not have, no task has. */
	if (proc_loginuid(&t->stop->proc, &value, NULL) == 0) {
		t->core->tc->has_loginuid = true;
		t->core->tc->loginuid = value;
	}
	if (proc_coredump_filter(&t->stop->proc, &value, NULL) == 0) {
		t->extra->has_coredump_filter = true;
		t->extra->coredump_filter = value;
	}
	if (proc_autogroup(&t->stop->proc, &id, &nice, NULL) == 0) {
		t->extra->has_autogroup_nice = true;
		t->extra->autogroup_nice = nice;
	}
	return read_oom(t);
}

/* --- the files of the calling task ----------------------------------------------------------- */

static int own_proc(void)
{
	_cleanup_fd_ int fs = -1;
	int fd = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	fs = syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC);
	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
}

static int open_own(const char *name, int flags)
{
	_cleanup_fd_ int dir = own_proc();
	int fd;

	if (dir < 0)
		return -1;
	fd = openat(dir, name, flags | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		char below[64];

		/* The root of a fresh mount. */
		snprintf(below, sizeof(below), "self/%s", name);
		fd = openat(dir, below, flags | O_CLOEXEC);
	}
	return fd;
}

/* The number behind `before` in the file. */
static bool read_own(const char *name, const char *before, int base, int64_t *ret)
{
	_cleanup_fd_ int fd = open_own(name, O_RDONLY);
	char text[128], *at = text;
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return false;
	text[n] = '\0';
	if (before) {
		at = strstr(text, before);
		if (!at)
			return false;
		at += strlen(before);
	}
	*ret = strtoll(at, NULL, base);
	return true;
}

/* What a forked task has from the tool: read once a run, in the tool. */
static struct inherited {
	const char *name;
	int base;
	enum { NOT_READ, READ, UNREADABLE } state;
	int64_t value;
} loginuid = { "loginuid", 10 }, coredump_filter = { "coredump_filter", 16 },
  oom_score_adj = { "oom_score_adj", 10 };

static bool inherited(struct inherited *i, int64_t *ret)
{
	if (i->state == NOT_READ)
		i->state = read_own(i->name, NULL, i->base, &i->value) ? READ : UNREADABLE;
	*ret = i->value;
	return i->state == READ;
}

/* The kernel lets a task without privileges change its autogroup ten times a second: EAGAIN. */
static int set_own(const char *name, int64_t value)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "%lld", (long long)value);

	for (int tries = 0;; tries++) {
		_cleanup_fd_ int fd = open_own(name, O_WRONLY);

		if (fd < 0)
			return -errno;
		if (write(fd, text, len) == len)
			return 0;
		if (errno != EAGAIN || tries == 50)
			return -errno;
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
}

/* --- restore -------------------------------------------------------------------------------- */

/* A value below one's own takes CAP_SYS_RESOURCE in the first user namespace: it is tried out. */
static void check_oom(struct restore_task *t, int want)
{
	int64_t now;

	if (!inherited(&oom_score_adj, &now) || want >= now)
		return;
	if (set_own("oom_score_adj", want) < 0) {
		restored_refuse(
			t, "oom_score_adj",
			arena_printf(restore_arena(t->r),
				     "is %d; crtools has %lld, and can't "
				     "lower it without CAP_SYS_RESOURCE",
				     want, (long long)now),
			"Run crtools restore with CAP_SYS_RESOURCE, or from a process with that "
			"oom_score_adj or a lower one.");
		return;
	}
	set_own("oom_score_adj", now);
}

static void check_loginuid(struct restore_task *t, uint32_t want)
{
	struct identity id;
	int64_t now;

	if (!inherited(&loginuid, &now) || (uint32_t)now == want || (uint32_t)now == UINT32_MAX ||
	    identity_read(restore_arena(t->r), &id, NULL) < 0 ||
	    (id.effective & (1u << CAP_AUDIT_CONTROL)))
		return;
	restored_warn(t, "login uid",
		      arena_printf(restore_arena(t->r), "was %d; it stays that of crtools, %d",
				   (int)want, (int)now),
		      "Run crtools restore with CAP_AUDIT_CONTROL.");
}

static int check(struct restore_task *t)
{
	const TaskCoreEntry *tc = t->core->tc;
	int64_t now;

	if (t->zombie || t->helper)
		return 0;
	inherited(&coredump_filter, &now); /* for prepare(), in the forked task */
	if (tc->has_oom_score_adj) {
		if (tc->oom_score_adj < OOM_MIN || tc->oom_score_adj > OOM_MAX)
			return image_bad(t, IMAGE_CORE, t->vpid, "oom_score_adj is %d",
					 tc->oom_score_adj);
		check_oom(t, tc->oom_score_adj);
	}
	if (tc->has_loginuid)
		check_loginuid(t, tc->loginuid);
	return 0;
}

/* Accounting and priority of a session: worth a word, not a failed restore. */
static void set_or_say(struct restore_task *t, const char *name, int64_t value)
{
	int ret = set_own(name, value);

	if (ret < 0)
		log_warn("process %d: %s can't be set to %lld: %s", t->vpid, name, (long long)value,
			 strerror(-ret));
}

static int prepare(struct restore_task *t)
{
	const TaskCoreEntry *tc = t->core->tc;
	const CrtoolsTaskEntry *e = t->extra;
	int64_t now;
	int ret;

	if (tc->has_loginuid && inherited(&loginuid, &now) && (uint32_t)now != tc->loginuid)
		set_or_say(t, "loginuid", tc->loginuid);
	if (e && e->has_autogroup_nice && read_own("autogroup", "nice ", 10, &now) &&
	    now != e->autogroup_nice)
		set_or_say(t, "autogroup", e->autogroup_nice);
	if (e && e->has_coredump_filter && inherited(&coredump_filter, &now) &&
	    now != e->coredump_filter) {
		ret = set_own("coredump_filter", e->coredump_filter);
		if (ret < 0)
			return err_set(restore_err(t->r), ERR_KERNEL, -ret,
				       "can't set coredump_filter to 0x%x", e->coredump_filter);
	}
	if (!tc->has_oom_score_adj || !inherited(&oom_score_adj, &now) || now == tc->oom_score_adj)
		return 0;
	ret = set_own("oom_score_adj", tc->oom_score_adj);
	return ret < 0 ? err_set(restore_err(t->r), ERR_KERNEL, -ret,
				 "can't set oom_score_adj to %d", tc->oom_score_adj)
		       : 0;
}

const struct state_class procfile_state = {
	.name = "proc files",
	.collect = collect,
	.check = check,
	.prepare = prepare,
};
