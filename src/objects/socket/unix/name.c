/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the file of a bound socket is. The address holds the name as bind(2) was given it: relative
 * to a working directory of then, below a root of then, and the file may have been renamed, removed
 * or covered since. SIOCUNIXFILE (Linux 4.13, CAP_NET_ADMIN) leads to the very file, without it the
 * name does, if the inode of the listing is found there.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "objects/socket/unix/unix.h"

#ifndef SIOCUNIXFILE
#define SIOCUNIXFILE 0x89e0
#endif
#define MINOR_BITS 20 /* of a device number inside the kernel */

/* Sockets from one listener have one name and one file. */
struct unix_file {
	const char *name;
	FilePermsEntry *perms;
	const char *dir;
	const char *elsewhere;
	bool deleted;
	struct unix_file *next;
};

static bool is_listed(const struct unix_diag_info *diag, const struct stat *st)
{
	return st->st_ino == diag->vfs_ino &&
	       (uint32_t)(major(st->st_dev) << MINOR_BITS | minor(st->st_dev)) == diag->vfs_dev;
}

/* By the name, as the task sees it; -1. */
static int find_by_name(const struct unix_out *u, const char *name)
{
	_cleanup_fd_ int base = proc_openat(&u->task->stop->proc, name[0] == '/' ? "root" : "cwd",
					    O_PATH | O_DIRECTORY, NULL);
	_cleanup_fd_ int fd = -1;
	struct stat st;

	name += strspn(name, "/");
	if (base < 0 || !*name)
		return -1;
	fd = openat(base, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && fstat(fd, &st) == 0 && is_listed(u->diag, &st) ? TAKE_FD(fd) : -1;
}

/* *ret_removed: this name of the file has gone; it may have others. */
static int path_of(int fd, struct arena *a, char **ret_path, bool *ret_removed)
{
	struct proc self = PROC_INIT;
	struct proc_link link;
	char text[32];
	int ret;

	self.fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (self.fd < 0)
		return -errno;
	snprintf(text, sizeof(text), "%d", fd);
	ret = proc_readlink(&self, text, a, &link, NULL);
	close(self.fd);
	*ret_path = ret < 0 ? NULL : link.path;
	*ret_removed = ret == 0 && link.deleted;
	return ret;
}

static bool is_at(const char *path, const struct stat *file)
{
	struct stat st;

	return lstat(path, &st) == 0 && st.st_ino == file->st_ino && st.st_dev == file->st_dev;
}

/* The folder that the name is relative to; NULL: the path does not end with the name. */
static char *folder_of(struct arena *a, const char *path, const char *name)
{
	size_t len = strlen(path), tail = strlen(name);

	if (len <= tail || strcmp(path + len - tail, name) || path[len - tail - 1] != '/')
		return NULL;
	len -= tail + 1;
	return arena_printf(a, "%.*s", len ? (int)len : 1, path);
}

/* The file was given another name before its own was removed, so that it appears ready for use
 * (link(2), unlink(2), as supervisord does). The kernel goes on with the name that is gone; the
 * other one is looked for beside it. NULL: it is not there. */
static char *other_name(struct arena *a, const char *path, const struct stat *file)
{
	const char *slash = strrchr(path, '/');
	char *folder = arena_printf(a, "%.*s", slash > path ? (int)(slash - path) : 1, path);
	_cleanup_dir_ DIR *dir = opendir(folder);
	struct dirent *e;
	struct stat st;

	while (dir && (e = readdir(dir)))
		if (e->d_type == DT_SOCK && e->d_ino == file->st_ino &&
		    fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    st.st_ino == file->st_ino && st.st_dev == file->st_dev)
			return arena_printf(a, "%s/%s", slash > path ? folder : "", e->d_name);
	return NULL;
}

static void warn_lost(struct unix_out *u, const char *path, const char *why)
{
	task_warn(u->task, u->object,
		  arena_printf(dump_arena(u->task->dump),
			       "its file %s %s; the restored socket has no file", path, why),
		  "");
}

/* One name is made again. */
static void warn_names(struct unix_out *u, const struct unix_file *f, const struct stat *st,
		       const char *path)
{
	if (f->deleted || st->st_nlink < 2)
		return;
	task_warn(u->task, u->object,
		  arena_printf(dump_arena(u->task->dump),
			       "its file has %lu names (hard links): %s leads to the restored "
			       "socket, the others to nothing",
			       (unsigned long)st->st_nlink, f->elsewhere ? f->elsewhere : path),
		  "make them again after the restore (ln -f)");
}

static void place(struct unix_out *u, struct unix_file *f, const struct stat *st, const char *path,
		  bool removed)
{
	struct arena *a = dump_arena(u->task->dump);
	const char *slash = strrchr(path, '/');
	const char *other = removed && st->st_nlink ? other_name(a, path, st) : NULL;

	f->deleted = !st->st_nlink;
	if (f->name[0] != '/') {
		f->dir = folder_of(a, path, f->name);
		if (!f->dir) /* renamed; CRIU needs one all the same */
			f->dir = arena_printf(a, "%.*s", slash > path ? (int)(slash - path) : 1,
					      path);
	}
	if (f->deleted)
		return;
	if (other) {
		f->elsewhere = other;
	} else if (removed) {
		f->deleted = true;
		warn_lost(u, path, "has another name by now, which is not in that folder");
	} else if (!is_at(path, st)) {
		f->deleted = true;
		warn_lost(u, path, "is hidden by a mount on top");
	} else if (!is_at(f->dir ? arena_printf(a, "%s/%s", f->dir, f->name) : f->name, st)) {
		f->elsewhere = path;
	}
}

static int examine(struct unix_out *u, int local, struct unix_file *f)
{
	struct dump *d = u->task->dump;
	_cleanup_fd_ int fd = ioctl(local, SIOCUNIXFILE);
	char *path = NULL;
	struct stat st;
	bool removed = false;

	if (fd < 0)
		fd = find_by_name(u, f->name);
	if (fd < 0 || fstat(fd, &st) < 0 || path_of(fd, dump_arena(d), &path, &removed) < 0) {
		f->deleted = true;
		f->dir = f->name[0] == '/' ? NULL : "/";
		task_warn(
			u->task, u->object,
			arena_printf(
				dump_arena(d),
				"its file %s is not where its name leads to, and without "
				"CAP_NET_ADMIN it can't be asked for; the restored socket has none",
				f->name),
			"");
		return 0;
	}
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	f->perms = arena_msg(dump_arena(d), FilePermsEntry, file_perms_entry);
	f->perms->mode = st.st_mode;
	f->perms->uid = st.st_uid;
	f->perms->gid = st.st_gid;
	place(u, f, &st, path, removed);
	warn_names(u, f, &st, path);
	return 0;
}

static int file_of(struct unix_dump *x, struct unix_out *u, int local, struct unix_file **ret)
{
	struct arena *a = dump_arena(u->task->dump);
	uint64_t key = hash_mix(u->diag->vfs_ino, u->diag->vfs_dev);
	char *name = arena_printf(a, "%.*s", (int)u->diag->name_len, u->diag->name);
	struct unix_file *first = hash_get(&x->files, key), *f;

	for (f = first; f; f = f->next)
		if (!strcmp(f->name, name)) {
			*ret = f;
			return 0;
		}
	*ret = f = arena_new(a, struct unix_file);
	*f = (struct unix_file){ .name = name, .next = first };
	hash_put(&x->files, key, f);
	return examine(u, local, f);
}

int unix_name_collect(struct unix_dump *x, struct unix_out *u, const struct file_probe *p)
{
	struct unix_file *f;
	int ret;

	u->e->name = (ProtobufCBinaryData){ u->diag->name_len, (uint8_t *)u->diag->name };
	if (!unix_has_path(u->e))
		return 0;
	ret = file_of(x, u, probe_local(p), &f);
	if (ret < 0)
		return ret;
	u->e->file_perms = f->perms;
	u->e->name_dir = (char *)f->dir;
	u->e->has_deleted = u->e->deleted = f->deleted;
	if (f->elsewhere)
		socket_extra(p->task->dump, u->file)->file = (char *)f->elsewhere;
	return 0;
}

const char *unix_name_text(struct arena *a, const void *name, size_t len)
{
	char text[4 * UNIX_NAME_MAX + 2], *at = text;
	const unsigned char *in = name;

	len = len > UNIX_NAME_MAX ? UNIX_NAME_MAX : len;
	if (len && in[len - 1] == '\0' && in[0])
		len--;
	for (size_t i = 0; i < len; i++)
		at += i == 0 && !in[i]		   ? sprintf(at, "@")
		      : in[i] < ' ' || in[i] > '~' ? sprintf(at, "\\%03o", in[i])
						   : sprintf(at, "%c", in[i]);
	*at = '\0';
	return arena_strdup(a, text);
}
