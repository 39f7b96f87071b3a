/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel shows an inode that is watched by number, device and, of file systems that have them,
 * file handle (show_mark_fhandle() in fs/notify/fdinfo.c), and not by its name. The handle is
 * opened (open_by_handle_at(2), CAP_DAC_READ_SEARCH) below each mount of the device, and what
 * /proc/self/fd says of that is its name, if that leads to the same inode.
 *
 * Without the right the file can be one that a task of the tree has open, or works in: its
 * descriptors are looked through. So is it with a file that has been removed: the descriptor itself
 * stands for its name then, as /proc/PID/fd/N (or /proc/PID/cwd), which leads to the file also
 * where it was made anew (proc_pid_fd(5)).
 */
#include "objects/event/watched.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "objects/fown.h"
#include "objects/registry.h"

#define HANDLE_WORDS 16		 /* of CRIU's fh_entry, at least */
#define DEV_MAJOR(d) ((d) >> 20) /* a device as the kernel itself holds it */
#define DEV_MINOR(d) ((d)&0xfffff)

/* Is that name the very file? */
static bool leads_to(const char *path, uint64_t ino)
{
	struct stat st;

	/* The device of st_dev is another one on btrfs: the handle or the link has told it. */
	return lstat(path, &st) == 0 && st.st_ino == ino;
}

/* The name of an open file; NULL: it has none, or one that is not this file's. */
static const char *name_of(struct arena *a, int fd, uint64_t ino)
{
	char link[64], path[4096];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0)
		return NULL;
	path[n] = '\0';
	return leads_to(path, ino) ? arena_strdup(a, path) : NULL;
}

const struct proc_mounts *watched_mounts(struct arena *a, void **priv)
{
	struct proc_mounts *mounts = priv[SLOT_WATCHED];
	struct proc_buf buf = { 0 };
	struct proc self;

	if (mounts)
		return mounts;
	mounts = priv[SLOT_WATCHED] = arena_new(a, struct proc_mounts);
	*mounts = (struct proc_mounts){ 0 };
	if (proc_open(&self, getpid(), &buf, NULL) == 0) {
		proc_mountinfo(&self, a, mounts, NULL);
		proc_close(&self);
	}
	proc_buf_free(&buf);
	return mounts;
}

/* 0, or -ENOENT, -ESTALE, -EPERM … */
static int name_by_handle(struct arena *a, void **priv, const FhEntry *e, uint64_t ino,
			  uint32_t dev, const char **ret)
{
	struct {
		struct file_handle head;
		unsigned char bytes[MAX_HANDLE_SZ];
	} handle = { .head = { .handle_bytes = e->bytes, .handle_type = e->type } };
	const struct proc_mounts *mounts = watched_mounts(a, priv);
	int found = -ENOENT;

	if (e->bytes > sizeof(handle.bytes) || e->bytes > e->n_handle * sizeof(*e->handle))
		return -EINVAL;
	memcpy(handle.head.f_handle, e->handle, e->bytes);
	for (size_t i = 0; found < 0 && i < mounts->n; i++) {
		const struct proc_mount *m = &mounts->mounts[i];
		_cleanup_fd_ int mount = -1, fd = -1;

		if (m->major != DEV_MAJOR(dev) || m->minor != DEV_MINOR(dev))
			continue;
		mount = open(m->point, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
		fd = mount < 0 ? -1 : open_by_handle_at(mount, &handle.head, O_PATH | O_CLOEXEC);
		if (fd < 0) {
			found = found == -ESTALE ? found : -errno;
			continue;
		}
		*ret = name_of(a, fd, ino);
		found = *ret ? 0 : -ESTALE;
	}
	return found;
}

/* Is what the magic link of the task leads to the inode? */
static bool has_open(const struct dump_task *t, const char *magic, uint64_t ino, uint32_t dev)
{
	struct stat st;

	return fstatat(t->stop->proc.fd, magic, &st, 0) == 0 && st.st_ino == ino &&
	       st.st_dev == makedev(DEV_MAJOR(dev), DEV_MINOR(dev));
}

/* A file that the tree has open, or a folder in which a task works: its name; if it has none, one
 * of the links that lead to it. */
static const char *name_by_tree(struct dump *d, uint64_t ino, uint32_t dev)
{
	struct arena *a = dump_arena(d);
	const char *nameless = NULL;

	for (size_t i = 0; i < d->n_tasks; i++) {
		struct dump_task *t = d->tasks[i];
		struct proc_link link;
		char magic[32];

		for (size_t k = 0; !t->zombie && t->table && k <= t->table->n_fds; k++) {
			snprintf(magic, sizeof(magic), k ? "fd/%u" : "cwd",
				 k ? t->table->fds[k - 1]->fd : 0);
			if (!has_open(t, magic, ino, dev) ||
			    proc_readlink(&t->stop->proc, magic, a, &link, NULL) < 0)
				continue;
			if (leads_to(link.path, ino))
				return link.path;
			if (!nameless)
				nameless = arena_printf(a, "/proc/%d/%s", t->vpid, magic);
		}
	}
	return nameless;
}

static bool hex_bytes(const char *text, size_t bytes, unsigned char *out)
{
	for (size_t i = 0; i < bytes; i++)
		if (sscanf(text + 2 * i, "%2hhx", &out[i]) != 1)
			return false;
	return true;
}

int watched_parse(struct dump *d, const char *line, size_t len, uint64_t *ret_ino,
		  uint32_t *ret_dev, FhEntry **ret)
{
	struct arena *a = dump_arena(d);
	char *text = arena_printf(a, "%.*s", (int)len, line);
	const char *ids = strstr(text, "ino:"), *handle = strstr(text, "fhandle-bytes:");
	FhEntry *e = arena_msg(a, FhEntry, fh_entry);
	unsigned long long ino;
	unsigned int dev;
	int at = 0;

	if (!ids || sscanf(ids, "ino:%llx sdev:%x", &ino, &dev) != 2)
		return -EBADMSG;
	if (!handle ||
	    sscanf(handle, "fhandle-bytes:%x fhandle-type:%x f_handle:%n", &e->bytes, &e->type,
		   &at) != 2 ||
	    !at)
		return -EOPNOTSUPP;
	e->n_handle = HANDLE_WORDS;
	e->handle = arena_array(a, uint64_t, HANDLE_WORDS);
	memset(e->handle, 0, HANDLE_WORDS * sizeof(*e->handle));
	if (e->bytes > HANDLE_WORDS * sizeof(*e->handle) ||
	    !hex_bytes(handle + at, e->bytes, (unsigned char *)e->handle))
		return -EOPNOTSUPP;
	*ret_ino = ino;
	*ret_dev = dev;
	*ret = e;
	return 0;
}

int watched_find(struct dump *d, FhEntry *e, uint64_t ino, uint32_t dev)
{
	int found = name_by_handle(dump_arena(d), d->priv, e, ino, dev, (const char **)&e->path);

	if (found < 0)
		e->path = (char *)name_by_tree(d, ino, dev);
	return e->path ? 0 : found;
}

void watched_judge_flight(const struct file_probe *p, bool any)
{
	if (any && p->task->in_flight)
		task_refuse(p->task, probe_object(p),
			    "is on its way in a unix socket, and has watches, which are given back "
			    "by a descriptor",
			    "have it received before the dump");
}

const char *watched_why_not(int found)
{
	switch (found) {
	case -ESTALE:
		return "has been removed, or its name is not in reach, and no task has it open";
	case -EOPNOTSUPP:
		return "is on a file system without file handles";
	case -EPERM:
		return "can't be found without CAP_DAC_READ_SEARCH";
	default:
		return "is not found below any mount";
	}
}

bool watched_by_link(const char *path)
{
	int pid, fd, end = 0;

	if (sscanf(path, "/proc/%d/cwd%n", &pid, &end) == 1 && end)
		return !path[end];
	return sscanf(path, "/proc/%d/fd/%d%n", &pid, &fd, &end) == 2 && !path[end];
}

/* Will the restored tree have that link? */
static bool tree_has(struct restore *r, const char *path)
{
	int pid = 0, fd = -1;
	const struct restore_task *t;

	if (sscanf(path, "/proc/%d/fd/%d", &pid, &fd) < 1)
		return false;
	t = hash_get(&r->task_by_pid, pid);
	if (!t || t->zombie || fd < 0)
		return t && !t->zombie;
	for (size_t i = 0; t->table && i < t->table->n_fds; i++)
		if (t->table->fds[i].e->fd == (unsigned int)fd)
			return true;
	return false;
}

const char *watched_path(struct restore *r, const FhEntry *e, uint64_t ino, uint32_t dev,
			 const char **ret_why)
{
	const char *path = e->path;

	if (path && path[0] == '/') {
		struct stat st;

		if (watched_by_link(path) ? tree_has(r, path) : lstat(path, &st) == 0)
			return path;
		*ret_why =
			arena_printf(restore_arena(r), "%s, which is watched, is not there", path);
		return NULL;
	}
	if (name_by_handle(restore_arena(r), r->priv, e, ino, dev, &path) == 0)
		return path;
	*ret_why = arena_printf(restore_arena(r),
				"inode %llx of device %u:%u, which is watched, is not found",
				(unsigned long long)ino, DEV_MAJOR(dev), DEV_MINOR(dev));
	return NULL;
}
