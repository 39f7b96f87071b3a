/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crtools clean. A journal is rolled back from its end to its beginning when its owner is gone: its
 * lock can be had, and no process with the owner's id and start time is there. Journals that belong
 * to other users are not believed. Every line is held against the world before anything is done
 * about it: the process' start time, the inode behind a name, the bytes in a process' memory.
 */
#include "engine/clean.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/way_out.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "image/staging.h"
#include "kernel/door.h"
#include "kernel/nftables.h"
#include "kernel/pidfd.h"
#include "kernel/proc/maps.h"
#include "task/infect.h"

struct walk {
	struct session *s;
	struct clean_result *out;
	pid_t owner;
	pid_t given_up; /* a run that will do nothing any more, though it may still be there; 0 */
	bool same_boot, committed, resumed, ended;
	bool connections; /* a restore made some, that leave repair mode as the tree is let go */
	size_t left;	  /* of this journal */
	char *area_line;  /* the area line of a process behind its visit line */
};

#define FIELDS 8

static void tell(struct walk *w, bool done, const char *fmt, ...)
{
	struct clean_item item = { .owner = w->owner, .done = done };
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	item.what = arena_strdup(&w->s->arena, text);
	arena_push(&w->s->arena, w->out->items, w->out->n, item);
	w->out->failed += !done;
	w->left += !done;
}

static int open_dir(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static bool leads_to(int dir, const char *name, unsigned long long dev, unsigned long long ino,
		     struct stat *st)
{
	return fstatat(dir, name, st, AT_SYMLINK_NOFOLLOW) == 0 && st->st_dev == dev &&
	       st->st_ino == ino;
}

/* A name that says that it is this owner's. */
static bool is_own_name(const struct walk *w, const char *name)
{
	char prefix[32];

	snprintf(prefix, sizeof(prefix), ".crtools-%d-", w->owner);
	return !strncmp(name, prefix, strlen(prefix));
}

/* name|link DIR NAME DEV INO */
static void clean_name(struct walk *w, char **f, size_t n)
{
	_cleanup_fd_ int dir = -1;
	struct stat st;

	if (n != 5 || (!strcmp(f[0], "link") && w->committed))
		return;
	journal_unescape(f[1]);
	journal_unescape(f[2]);
	dir = open_dir(f[1]);
	if (dir < 0 || strchr(f[2], '/'))
		return;
	if (!leads_to(dir, f[2], strtoull(f[3], NULL, 10), strtoull(f[4], NULL, 10), &st) &&
	    !(is_own_name(w, f[2]) && fstatat(dir, f[2], &st, AT_SYMLINK_NOFOLLOW) == 0))
		return;
	if (unlinkat(dir, f[2], S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) == 0)
		tell(w, true, "removed %s/%s", f[1], f[2]);
	else if (errno != ENOENT)
		tell(w, false, "can't remove %s/%s: %s", f[1], f[2], strerror(errno));
}

/* swap DIR NAME SPARE DEV INO: the file that has the name by right may have the spare one. */
static void clean_swap(struct walk *w, char **f, size_t n)
{
	_cleanup_fd_ int dir = -1;
	struct stat st;
	int ret;

	if (n != 6)
		return;
	journal_unescape(f[1]);
	journal_unescape(f[2]);
	dir = open_dir(f[1]);
	if (dir < 0 || !is_own_name(w, f[3]) || fstatat(dir, f[3], &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (leads_to(dir, f[3], strtoull(f[4], NULL, 10), strtoull(f[5], NULL, 10), &st))
		ret = unlinkat(dir, f[3], 0);
	else
		ret = renameat(dir, f[3], dir, f[2]);
	tell(w, ret == 0, ret ? "can't give %s/%s its name back: %s" : "gave %s/%s its name back",
	     f[1], f[2], strerror(errno));
}

/* unix(7): a connection to a file that no socket is bound to is refused; to one that is bound, a
 * socket of any type gets another answer. */
static bool is_bound(int file)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d", file);
	return fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 ||
	       errno != ECONNREFUSED;
}

/* socket PATH: what a restore bound that did not come to its end. */
static void clean_socket(struct walk *w, char **f, size_t n)
{
	_cleanup_fd_ int file = -1;
	struct stat st;

	if (n != 2 || w->resumed || !w->same_boot)
		return;
	journal_unescape(f[1]);
	file = open(f[1], O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (file < 0 || fstat(file, &st) < 0 || !S_ISSOCK(st.st_mode) || is_bound(file))
		return;
	if (unlink(f[1]) == 0)
		tell(w, true, "removed %s", f[1]);
	else
		tell(w, false, "can't remove %s: %s", f[1], strerror(errno));
}

static void clean_images(struct walk *w, char **f, size_t n)
{
	_cleanup_fd_ int dir = -1;
	bool finished;
	int before;

	if (n != 2)
		return;
	journal_unescape(f[1]);
	dir = open_dir(f[1]);
	if (dir < 0)
		return;
	if (!w->given_up && image_lock_dir(dir) < 0) { /* one that was given up may have it */
		tell(w, false,
		     "can't look for unfinished image sets in %s: another process has locked it",
		     f[1]);
		return;
	}
	before = image_staging_clean(dir, w->given_up, &finished);
	image_unlock_dir(dir);
	if (finished)
		tell(w, true,
		     "put the image set of a dump that was nearly done into its place in %s", f[1]);
	else if (before)
		tell(w, true, "removed %d unfinished image set%s in %s", before,
		     before == 1 ? "" : "s", f[1]);
}

static void end_repair(struct walk *w, pid_t pid, int pidfd, int number)
{
	struct err err = { 0 };
	_cleanup_fd_ int fd = pidfd_get(pidfd, number, &err);
	int on = 0, off = 0;
	socklen_t len = sizeof(on);

	if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, &len) < 0 || !on)
		return;
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off)) == 0)
		tell(w, true, "descriptor %d of process %d is an ordinary connection again", number,
		     pid);
	else
		tell(w, false, "can't take descriptor %d of process %d out of repair mode: %s",
		     number, pid, strerror(errno));
}

static void clean_sockets(struct walk *w, char **f, size_t n,
			  void (*clean)(struct walk *w, pid_t pid, int pidfd, int number))
{
	pid_t pid = n == 3 ? atoi(f[1]) : 0;
	_cleanup_fd_ int pidfd = -1;
	_cleanup_dir_ DIR *fds = NULL;
	struct err err = { 0 };
	struct dirent *e;
	char path[64];

	if (!w->same_boot || w->ended || pid <= 0 ||
	    process_start_time(pid) != strtoull(f[2], NULL, 10))
		return;
	pidfd = pidfd_open_pid(pid, &err);
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	fds = pidfd < 0 ? NULL : opendir(path);
	while (fds && (e = readdir(fds)))
		if (e->d_name[0] != '.')
			clean(w, pid, pidfd, atoi(e->d_name));
}

/* A task of a restore is ended, if the kernel has not done that. As soon as they are let go, they
 * either all live or end by themselves. */
static void clean_task(struct walk *w, char **f, size_t n)
{
	pid_t pid = n == 3 ? atoi(f[1]) : 0;

	if (w->resumed && w->connections)
		clean_sockets(w, f, n, end_repair);
	if (!w->same_boot || w->resumed || pid <= 1 ||
	    process_start_time(pid) != strtoull(f[2], NULL, 10))
		return;
	if (kill(pid, SIGKILL) == 0)
		tell(w, true, "ended task %d of a tree that was not restored whole", pid);
	else
		tell(w, false, "can't end task %d: %s", pid, strerror(errno));
}

static bool parse_bytes(const char *text, unsigned char *out, size_t len)
{
	if (strlen(text) != 2 * len)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned int c;

		if (sscanf(text + 2 * i, "%2x", &c) != 1)
			return false;
		out[i] = c;
	}
	return true;
}

static int clean_process(struct walk *w, pid_t pid, struct visit_rest *rest)
{
	struct arena *a = &w->s->arena;
	struct proc_areas areas = { 0 };
	struct tree_stop tree;
	struct err err = { 0 };
	int ret = tree_freeze_one(&tree, pid, 5, NULL, a, &err);

	if (ret < 0)
		return ret;
	ret = proc_maps(&tree.procs[0]->proc, a, &areas, &err);
	if (ret == 0)
		ret = visit_clean(&tree, tree.procs[0], &areas, rest, &err);
	tree_release(&tree, TREE_RUN);
	return ret;
}

/* visit PID START SPOT LEN HINT SIZE BYTES, home PID START SPOT LEN HOME OFFSET BYTES */
static void clean_visit(struct walk *w, char **f, size_t n)
{
	unsigned char saved[WAY_OUT_MAX];
	struct visit_rest rest = { 0 };
	pid_t pid = n == 8 ? atoi(f[1]) : 0;
	int ret;

	if (!w->same_boot || pid <= 0 || process_start_time(pid) != strtoull(f[2], NULL, 10))
		return;
	rest.spot = strtoull(f[3], NULL, 16);
	rest.saved_len = strtoull(f[4], NULL, 10);
	rest.addr = strtoull(f[5], NULL, 16);
	rest.size = strtoull(f[6], NULL, 16);
	rest.home = !strcmp(f[0], "home");
	if (rest.saved_len > sizeof(saved) ||
	    (f[7][0] != '-' && !parse_bytes(f[7], saved, rest.saved_len)))
		return;
	rest.saved = f[7][0] == '-' ? NULL : saved;
	ret = clean_process(w, pid, &rest);
	if (ret == -EAGAIN)
		tell(w, false,
		     "process %d is still on its way back from the agent; try again later", pid);
	else if (ret < 0 && process_start_time(pid))
		tell(w, false, "can't look into process %d: %s", pid, strerror(-ret));
	else if (ret == 0 && rest.area_found)
		tell(w, true, "unmapped the agent from process %d", pid);
	else if (ret == 0 && rest.stub_found)
		tell(w, true, "removed the agent's foothold from process %d", pid);
}

/* area PID START ADDR SIZE: looked at like a visit without a foothold. */
static void clean_area(struct walk *w, char **f, size_t n)
{
	char none[] = "0", dash[] = "-", visit[] = "visit";
	char *g[FIELDS] = { visit, f[1], f[2], none, none, f[3], f[4], dash };

	if (n == 5)
		clean_visit(w, g, 8);
}

/* freezer PATH STATE: as it was before the tool froze it. */
static void clean_freezer(struct walk *w, char **f, size_t n)
{
	bool frozen = n == 3 && f[2][0] == '1';
	int ret;

	if (n != 3 || !w->same_boot)
		return;
	journal_unescape(f[1]);
	ret = cgroup_freeze_set(f[1], frozen);
	if (ret == 0)
		tell(w, true, "the cgroup %s is %s again", f[1], frozen ? "frozen" : "thawed");
	else if (ret < 0 && ret != -ENOENT)
		tell(w, false, "the cgroup %s can't be %s: %s", f[1], frozen ? "frozen" : "thawed",
		     strerror(-ret));
}

/* unlock TABLE: it goes when a restore lets its tree go. */
static void clean_unlock(struct walk *w, char **f, size_t n)
{
	struct err err = { 0 };

	if (n == 2 && w->same_boot && w->resumed && nft_unlock(f[1], &err) == 0)
		tell(w, true, "unlocked the connections of the table %s", f[1]);
}

/* netlock TABLE: it belongs to the images when their tree has ended. */
static void clean_netlock(struct walk *w, char **f, size_t n)
{
	struct err err = { 0 };
	int ret;

	if (n != 2 || !w->same_boot || w->ended || w->resumed)
		return;
	ret = nft_unlock(f[1], &err);
	if (ret == 0)
		tell(w, true, "unlocked the connections of the table %s", f[1]);
	else if (ret != -ENOENT)
		tell(w, false, "can't remove the table %s: %s", f[1], strerror(-ret));
}

static void end_door(struct walk *w, pid_t pid, int pidfd, int number)
{
	struct err err = { 0 };
	_cleanup_fd_ int fd = pidfd_get(pidfd, number, &err);

	if (fd < 0 || !door_is_shut(fd))
		return;
	if (door_open(fd) == 0)
		tell(w, true, "descriptor %d of process %d listens again", number, pid);
	else
		tell(w, false, "can't let descriptor %d of process %d listen again: %s", number,
		     pid, strerror(errno));
}

/* repair PID START: a connection of the process may be in repair mode. */
static void clean_repair(struct walk *w, char **f, size_t n)
{
	clean_sockets(w, f, n, end_repair);
}

/* door PID START: a listener of the process may hear nobody. */
static void clean_door(struct walk *w, char **f, size_t n)
{
	clean_sockets(w, f, n, end_door);
}

static const struct {
	const char *name;
	void (*clean)(struct walk *w, char **f, size_t n);
} kinds[] = {
	{ "visit", clean_visit },     { "area", clean_area },	    { "name", clean_name },
	{ "link", clean_name },	      { "swap", clean_swap },	    { "images", clean_images },
	{ "task", clean_task },	      { "freezer", clean_freezer }, { "home", clean_visit },
	{ "netlock", clean_netlock }, { "repair", clean_repair },   { "door", clean_door },
	{ "unlock", clean_unlock },   { "socket", clean_socket },
};

static size_t split(char *line, char **f)
{
	size_t n = 0;

	for (char *p = strtok(line, " "); p && n < FIELDS; p = strtok(NULL, " "))
		f[n++] = p;
	return n;
}

/* What later lines say about earlier ones. */
static void survey(struct walk *w, char *const *lines, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		w->committed |= !strcmp(lines[i], "commit");
		w->resumed |= !strcmp(lines[i], "resume");
		w->ended |= !strcmp(lines[i], "ended");
		w->connections |= !strcmp(lines[i], "release");
	}
}

static void roll_back(struct walk *w, char **lines, size_t n)
{
	char *f[FIELDS];

	survey(w, lines, n);
	for (size_t i = n; i-- > 1;) {
		size_t fields = split(lines[i], f);

		for (size_t k = 0; fields && k < sizeof(kinds) / sizeof(kinds[0]); k++)
			if (!strcmp(kinds[k].name, f[0]))
				kinds[k].clean(w, f, fields);
	}
}

/* Only lines that were written to their end. */
static size_t cut_lines(struct arena *a, char *text, char ***ret)
{
	size_t n = 0;
	char *end;

	*ret = NULL;
	for (; (end = strchr(text, '\n')); text = end + 1) {
		*end = '\0';
		arena_push(a, *ret, n, text);
	}
	return n;
}

/* By its head; false: it is no journal, or belongs to a living tool. */
static bool owner_is_gone(struct walk *w, int fd, const char *head)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char boot[40], now[40];
	unsigned long long start;

	if (sscanf(head, "crtools 1 %d %llu %39s", &w->owner, &start, boot) != 3 || boot_id(now))
		return false;
	w->same_boot = !strcmp(boot, now);
	if (w->given_up)
		return w->given_up == w->owner && w->same_boot;
	if (fcntl(fd, F_SETLK, &lock) < 0 && (errno == EAGAIN || errno == EACCES)) {
		w->out->live++;
		return false;
	}
	return !w->same_boot || process_start_time(w->owner) != start;
}

static void clean_journal(struct session *s, pid_t given_up, int dir, const char *name,
			  struct clean_result *out)
{
	struct walk w = { .s = s, .out = out, .given_up = given_up };
	_cleanup_fd_ int fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	char *text, **lines;
	size_t n;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    st.st_size > 64 << 20)
		return;
	text = arena_alloc(&s->arena, st.st_size + 1);
	if (pread(fd, text, st.st_size, 0) != st.st_size)
		return;
	text[st.st_size] = '\0';
	n = cut_lines(&s->arena, text, &lines);
	if (!n) {
		unlinkat(dir, name, 0); /* not even its head was written: nothing had been done */
		return;
	}
	if (!owner_is_gone(&w, fd, lines[0]))
		return;
	out->journals++;
	roll_back(&w, lines, n);
	if (!w.left)
		unlinkat(dir, name, 0);
}

static void clean_place(struct session *s, pid_t given_up, const char *path,
			struct clean_result *out)
{
	int fd = open_dir(path);
	_cleanup_dir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	while (d && (e = readdir(d))) {
		const char *number = e->d_name + 9;

		if (strncmp(e->d_name, ".crtools-", 9) || !*number ||
		    number[strspn(number, "0123456789")] || (given_up && given_up != atoi(number)))
			continue;
		clean_journal(s, given_up, fd, e->d_name, out);
	}
}

int engine_clean_after(struct session *s, pid_t run, struct clean_result *ret)
{
	char path[108];

	*ret = (struct clean_result){ 0 };
	for (unsigned int i = 0; journal_place(i, path) == 0; i++)
		clean_place(s, run, path, ret);
	if (!ret->failed)
		return 0;
	return err_set(s->err, ERR_KERNEL, EBUSY, "%zu thing%s could not be taken back",
		       ret->failed, ret->failed == 1 ? "" : "s");
}

int engine_clean(struct session *s, struct clean_result *ret)
{
	return engine_clean_after(s, 0, ret);
}
