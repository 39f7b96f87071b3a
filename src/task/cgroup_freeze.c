/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See cgroup_freeze.h. Facts of the kernel that this relies on:
 *  - freezer.state (v1) reads FROZEN once all tasks stand in the refrigerator, FREEZING until then,
 *    and looks again with every read. A group below a frozen one stays frozen whatever is written
 * to it (freezer.parent_freezing is 1 then).
 *  - cgroup.events (v2, Linux 5.2) says "frozen 1" once all tasks of the group and of the groups
 *    below it stand; a frozen group above holds them too.
 *  - A frozen task of v1 answers to no signal, not even to ptrace, before it is thawed; one of v2
 * does.
 *  - A group is entered by fork and by writing to its list of processes only: who is in it when it
 *    is frozen makes nobody new.
 */
#include "kernel/inode.h"
#include "task/cgroup_freeze.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/interrupt.h"
#include "base/io.h"
#include "base/log.h"
#include "task/tree.h"

static int read_at(int dir, const char *name, char *buf, size_t size)
{
	_cleanup_fd_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	buf[n > 0 ? n : 0] = '\0';
	return n < 0 ? -errno : 0;
}

static int set_state(const struct cgroup_freeze *g, bool frozen)
{
	const char *text = g->v1 ? (frozen ? "FROZEN" : "THAWED") : frozen ? "1" : "0";
	_cleanup_fd_ int fd =
		openat(g->dir, g->v1 ? "freezer.state" : "cgroup.freeze", O_WRONLY | O_CLOEXEC);

	return fd < 0 ? -errno : write_full(fd, text, strlen(text));
}

/* Whether all that is in it stands. */
static bool stands(const struct cgroup_freeze *g)
{
	char text[256];

	if (g->v1)
		return read_at(g->dir, "freezer.state", text, sizeof(text)) == 0 &&
		       !strncmp(text, "FROZEN", 6);
	return read_at(g->dir, "cgroup.events", text, sizeof(text)) == 0 &&
	       strstr(text, "frozen 1") != NULL;
}

/* What was asked of this very group, whatever is asked of the groups above it. */
static bool asked_to_freeze(const struct cgroup_freeze *g)
{
	char text[16] = "";

	read_at(g->dir, g->v1 ? "freezer.self_freezing" : "cgroup.freeze", text, sizeof(text));
	return text[0] == '1';
}

static bool frozen_from_above(const struct cgroup_freeze *g)
{
	_cleanup_fd_ int dir = -1;
	char text[16];

	if (g->v1)
		return read_at(g->dir, "freezer.parent_freezing", text, sizeof(text)) == 0 &&
		       text[0] == '1';
	/* The root of the hierarchy has no such file. */
	for (int up = openat(g->dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC); up >= 0;
	     up = openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
		close_fd(&dir);
		dir = up;
		if (read_at(dir, "cgroup.freeze", text, sizeof(text)) < 0)
			return false;
		if (text[0] == '1')
			return true;
	}
	return false;
}

static int open_group(struct cgroup_freeze *g, const char *path, struct err *err)
{
	*g = (struct cgroup_freeze){ .path = path };
	g->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (g->dir < 0)
		return err_set(err, ERR_PATH, errno,
			       "the cgroup %s of --freeze-cgroup can't be opened", path);
	g->v1 = inode_exists(g->dir, "freezer.state");
	if (g->v1 || inode_exists(g->dir, "cgroup.freeze"))
		return 0;
	close_fd(&g->dir);
	return err_set(err, ERR_USAGE, EINVAL,
		       "--freeze-cgroup: %s is neither a group of the v1 freezer nor a v2 cgroup "
		       "below the root (it has no freezer.state and no cgroup.freeze)",
		       path);
}

/* Whether this process is in the group or in one below it. */
static bool holds_process(int group, pid_t pid)
{
	int fd = openat(group, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	_cleanup_file_ FILE *procs = fd < 0 ? NULL : fdopen(fd, "r");
	int below = openat(group, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), number;
	_cleanup_dir_ DIR *dir = below < 0 ? NULL : fdopendir(below);
	struct dirent *e;
	bool found = false;

	while (procs && !found && fscanf(procs, "%d", &number) == 1)
		found = number == pid;
	while (dir && !found && (e = readdir(dir))) {
		_cleanup_fd_ int child = -1;

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		child = openat(group, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (child >= 0)
			found = holds_process(child, pid);
	}
	return found;
}

static int judge_group(const struct cgroup_freeze *g, struct err *err)
{
	if (holds_process(g->dir, getpid()))
		return err_set(err, ERR_REFUSED, EDEADLK,
			       "--freeze-cgroup: crtools itself is in %s, and would freeze with it",
			       g->path);
	if (frozen_from_above(g))
		return err_set(err, ERR_REFUSED, EBUSY,
			       "--freeze-cgroup: a group above %s is frozen; its tasks can't be "
			       "thawed to be dumped before that one is",
			       g->path);
	return 0;
}

static int wait_frozen(const struct cgroup_freeze *g, unsigned int timeout, struct err *err)
{
	uint64_t start = monotonic_ns(), waited = 0;

	while (!stands(g)) {
		int ret = interrupt_check(err, "freezing the cgroup");

		if (ret < 0)
			return ret;
		waited = monotonic_ns() - start;
		if (timeout && waited > timeout * UINT64_C(1000000000))
			return err_set(err, ERR_TIMEOUT, ETIMEDOUT,
				       "the cgroup %s does not freeze (a task of it may be in an "
				       "uninterruptible wait)",
				       g->path);
		nanosleep(&(struct timespec){ .tv_nsec = waited < 1000000 ? 50000 : 500000 }, NULL);
	}
	return 0;
}

static void write_journal(const struct cgroup_freeze *g, struct journal *journal)
{
	char link[64], real[1024], field[3 * sizeof(real)];
	ssize_t n;

	if (!journal)
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", g->dir);
	n = readlink(link, real, sizeof(real) - 1);
	real[n > 0 ? n : 0] = '\0';
	journal_escape(real, field);
	journal_add(journal, "freezer %s %d\n", field, g->was_frozen);
}

int cgroup_freeze(struct cgroup_freeze *g, const char *path, unsigned int timeout,
		  struct journal *journal, struct err *err)
{
	int ret = open_group(g, path, err);

	if (ret < 0)
		return ret;
	ret = judge_group(g, err);
	if (ret < 0) {
		close_fd(&g->dir);
		return ret;
	}
	g->was_frozen = g->frozen = asked_to_freeze(g);
	write_journal(g, journal);
	ret = g->was_frozen ? 0 : set_state(g, true);
	if (ret < 0)
		err_set(err, ret == -EACCES || ret == -EPERM ? ERR_PERMISSION : ERR_KERNEL, -ret,
			"can't freeze the cgroup %s", path);
	g->frozen = true;
	if (ret == 0)
		ret = wait_frozen(g, timeout, err);
	if (ret < 0)
		cgroup_freeze_end(g);
	return ret;
}

int cgroup_thaw(struct cgroup_freeze *g, struct err *err)
{
	int ret = set_state(g, false);

	if (ret < 0)
		return err_set(err, ERR_KERNEL, -ret, "can't thaw the cgroup %s", g->path);
	g->frozen = false;
	return 0;
}

void cgroup_freeze_end(struct cgroup_freeze *g)
{
	int ret = 0;

	if (g->dir < 0)
		return;
	if (g->frozen != g->was_frozen)
		ret = set_state(g, g->was_frozen);
	if (ret < 0)
		log_error("The cgroup %s can't be %s again: %s", g->path,
			  g->was_frozen ? "frozen" : "thawed", strerror(-ret));
	close_fd(&g->dir);
}

int cgroup_freeze_set(const char *path, bool frozen)
{
	struct cgroup_freeze g;
	int ret = open_group(&g, path, NULL);

	if (ret < 0)
		return ret;
	ret = asked_to_freeze(&g) == frozen ? 1 : set_state(&g, frozen);
	close_fd(&g.dir);
	return ret;
}
