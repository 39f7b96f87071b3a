/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of unix sockets. The address is kept as bind(2) was given it, so the call is made with that
 * very name, in a working directory, or below a root, from which it leads to where the file was. A
 * socket that has left its file behind (deleted, another one under the name, covered by a mount, or
 * the accepted end of a connection, which has the listener's name) is bound in a file system that
 * nobody can reach: a tmpfs that is mounted nowhere (fsmount(2), Linux 5.2).
 *
 * A socket file that nobody is bound to any more, as the dump leaves them behind, is replaced.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "kernel/netlink.h"
#include "objects/socket/unix/unix.h"

#ifndef SIOCUNIXFILE
#define SIOCUNIXFILE 0x89e0
#endif
#define MINOR_BITS	20 /* of a device number inside the kernel */
#define COLLECTIONS_MAX 20 /* before a name is believed to be in use */

/* --- before the fork -----------------------------------------------------------------------------
 */

static uint64_t key_of_name(uint8_t type, const uint8_t *name, size_t len)
{
	uint64_t key = hash_mix(type, len);

	for (size_t i = 0; i < len; i++)
		key = hash_mix(key, name[i]);
	return key;
}

static uint64_t key_of_file(const struct stat *st)
{
	return hash_mix(st->st_ino, (uint64_t)major(st->st_dev) << MINOR_BITS | minor(st->st_dev));
}

/* Sockets in each other's queues outlive their processes until the kernel looks for such cycles,
 * which it does, in its own time, when any unix socket is closed. */
static void collect_garbage(void)
{
	const struct timespec moment = { .tv_nsec = 2000000 };
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0) {
		close(fds[0]);
		close(fds[1]);
	}
	nanosleep(&moment, NULL);
}

/* What is bound on this machine. */
static int list_used(struct restore *r, struct unix_restore *x)
{
	struct hash listing = { 0 };
	const struct unix_diag_info *info = NULL;
	_cleanup_fd_ int netlink = -1;
	int ret;

	if (x->listed)
		return 0;
	x->listed = true;
	netlink = nl_open(NETLINK_SOCK_DIAG, restore_err(r));
	ret = netlink < 0
		      ? netlink
		      : unix_diag_all(netlink, restore_arena(r), &listing, &info, restore_err(r));
	for (; ret == 0 && info; info = info->next) {
		if (info->vfs_ino)
			hash_put(&x->names_used, hash_mix(info->vfs_ino, info->vfs_dev),
				 (void *)info);
		else if (info->name_len)
			hash_put(&x->names_used,
				 key_of_name(info->type, (const uint8_t *)info->name,
					     info->name_len),
				 (void *)info);
	}
	hash_free(&listing);
	return ret;
}

/* Where the file belongs; NULL: it has none. */
static const char *file_of(struct restore *r, const struct unix_in *u)
{
	if (!unix_has_path(u->e) || u->e->deleted)
		return NULL;
	if (u->x && u->x->file)
		return u->x->file;
	if (u->e->name.data[0] == '/')
		return arena_printf(restore_arena(r), "%.*s", (int)u->e->name.len, u->e->name.data);
	return arena_printf(restore_arena(r), "%s/%.*s", u->e->name_dir, (int)u->e->name.len,
			    u->e->name.data);
}

static void refuse(struct restore *r, const struct unix_in *u, const char *text, const char *cure)
{
	report_refuse(&r->s->report, u->file->owner ? u->file->owner->vpid : 0, u->object, text,
		      cure);
}

/* *ret: who is bound to it, or NULL. */
static int find_user(struct restore *r, struct unix_restore *x, uint64_t key,
		     const struct unix_diag_info **ret)
{
	int err = list_used(r, x);

	*ret = err < 0 ? NULL : hash_get(&x->names_used, key);
	while (err == 0 && *ret && x->collections < COLLECTIONS_MAX) {
		x->collections++;
		collect_garbage();
		hash_free(&x->names_used);
		x->names_used = (struct hash){ 0 };
		x->listed = false;
		err = list_used(r, x);
		*ret = err < 0 ? NULL : hash_get(&x->names_used, key);
	}
	return err;
}

static int check_abstract(struct restore *r, struct unix_restore *x, struct unix_in *u)
{
	struct arena *a = restore_arena(r);
	const struct unix_diag_info *user;
	int ret = find_user(r, x, key_of_name(u->e->type, u->e->name.data, u->e->name.len), &user);

	if (user)
		refuse(r, u,
		       arena_printf(a, "its name %s is in use by socket:[%u]",
				    unix_name_text(a, u->e->name.data, u->e->name.len), user->ino),
		       "end the program that has it, or restore in another network namespace");
	return ret;
}

static int check_file(struct restore *r, struct unix_restore *x, struct unix_in *u,
		      const char *path)
{
	struct arena *a = restore_arena(r);
	const struct unix_diag_info *user;
	struct stat st;
	int ret;

	if (lstat(path, &st) < 0) {
		char *dir = arena_strdup(a, path), *slash = strrchr(dir, '/');

		*(slash > dir ? slash : slash + 1) = '\0';
		if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
			refuse(r, u,
			       arena_printf(a, "its file belongs into %s, which is not here", dir),
			       "make that folder");
		return 0;
	}
	if (!S_ISSOCK(st.st_mode)) {
		refuse(r, u, arena_printf(a, "there is a file at %s, where it belongs", path),
		       "move that file away");
		return 0;
	}
	ret = find_user(r, x, key_of_file(&st), &user);
	if (user)
		refuse(r, u,
		       arena_printf(a, "its path %s is in use by socket:[%u]", path, user->ino),
		       "end the program that has it");
	u->stale = st;
	return ret;
}

int unix_bind_check(struct restore *r, struct unix_in *u)
{
	struct unix_restore *x = unix_restore_of(r);
	const char *path;

	if (!u->e->name.len)
		return 0;
	if (!unix_has_path(u->e))
		return check_abstract(r, x, u);
	if (!unix_is_bound(u))
		return 0;
	path = file_of(r, u);
	return path ? check_file(r, x, u, path) : 0;
}

static int sandbox_open(void)
{
	int fs = syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC), ret = -1;

	if (fs >= 0 && syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
		ret = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	ret = ret < 0 ? -errno : ret;
	close_fd(&fs);
	return ret;
}

static void remove_stale(const char *name)
{
	struct stat st;

	if (lstat(name, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(name);
}

/* A file like the one that was there: nobody is bound to it, either. */
static void put_back_stale(const char *path, const struct stat *st)
{
	if (st->st_mode && mknod(path, st->st_mode, 0) == 0 &&
	    (lchown(path, st->st_uid, st->st_gid) < 0 || chmod(path, st->st_mode & 07777) < 0))
		log_debug("can't give %s its owner and mode", path);
}

/* A restore that has failed takes its files away. The tasks have ended. */
static void remove_files(void *data)
{
	struct restore *r = data;
	struct unix_restore *x = unix_restore_of(r);

	for (size_t i = 0; i < x->n; i++) {
		const char *path = x->made[i] ? file_of(r, x->all[i]) : NULL;

		if (!path)
			continue;
		remove_stale(path);
		put_back_stale(path, &x->all[i]->stale);
	}
}

/* Should the tool be killed, crtools clean takes them away. */
static void journal_files(struct restore *r, const struct unix_restore *x)
{
	for (size_t i = 0; i < x->n; i++) {
		const struct unix_in *u = x->all[i];
		bool ours = unix_is_bound(u) && !u->inherit && !(u->e->uflags & UNIX_EXTERN);
		const char *path = ours ? file_of(r, u) : NULL;
		char *escaped = path ? arena_alloc(restore_arena(r), 3 * strlen(path) + 1) : NULL;

		if (!path)
			continue;
		journal_escape(path, escaped);
		journal_add(&r->s->journal, "socket %s\n", escaped);
	}
}

static int note_files(struct restore *r, struct unix_restore *x)
{
	journal_files(r, x);
	x->made = mmap(NULL, x->n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (x->made == MAP_FAILED)
		return err_sys(restore_err(r), "mmap", "can't get memory that tasks share");
	undo_push(&r->s->undo, remove_files, r);
	return 0;
}

int unix_bind_prepare(struct restore *r, struct unix_restore *x)
{
	bool needed = false;
	int ret;

	for (size_t i = 0; !needed && i < x->n; i++)
		needed = unix_has_path(x->all[i]->e) || x->all[i]->n_packets;
	if (!needed)
		return 0;
	ret = note_files(r, x);
	if (ret < 0)
		return ret;
	x->sandbox = sandbox_open();
	if (x->sandbox < 0) {
		log_debug("no tmpfs for names without a file: %s", strerror(-x->sandbox));
		return 0;
	}
	x->sandbox = service_fd(r, x->sandbox);
	return x->sandbox < 0 ? x->sandbox : 0;
}

/* --- in the task ---------------------------------------------------------------------------------
 */

static socklen_t fill_address(const void *name, size_t len, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	len = len > sizeof(ret->sun_path) ? sizeof(ret->sun_path) : len;
	memcpy(ret->sun_path, name, len);
	return offsetof(struct sockaddr_un, sun_path) + len;
}

static int bind_name(int fd, const void *name, size_t len)
{
	struct sockaddr_un addr;
	socklen_t size = fill_address(name, len, &addr);

	return bind(fd, (struct sockaddr *)&addr, size) < 0 ? -errno : 0;
}

/* In another folder, which is also the root if the name starts at one. The tool's own are put back:
 * until the programs run, all tasks look up names as the tool does. */
struct place {
	int root, cwd;
};

static int place_enter(int dir, bool as_root, struct place *ret)
{
	*ret = (struct place){ -1, open(".", O_PATH | O_DIRECTORY | O_CLOEXEC) };
	if (as_root)
		ret->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fchdir(dir) < 0 || (as_root && chroot(".") < 0) ? -errno : 0;
}

static int place_leave(struct place *p)
{
	int ret = 0;

	if (p->root >= 0 && (fchdir(p->root) < 0 || chroot(".") < 0))
		ret = -errno;
	if (p->cwd >= 0 && fchdir(p->cwd) < 0 && ret == 0)
		ret = -errno;
	close_fd(&p->root);
	close_fd(&p->cwd);
	return ret;
}

static void dress(const FilePermsEntry *p, const char *name)
{
	if (!p)
		return;
	if (fchownat(AT_FDCWD, name, p->uid, p->gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    chmod(name, p->mode & 07777) < 0)
		log_debug("can't give %s its owner and mode", name);
}

static int make_folders(char *name)
{
	for (char *at = name + 1; (at = strchr(at, '/')); at++) {
		*at = '\0';
		if (mkdir(name, 0700) < 0 && errno != EEXIST)
			return -errno;
		*at = '/';
	}
	return 0;
}

/* Below dir; the file does not stay. hidden: dir is the root of the name, and folders that it goes
 * through are made. */
static int bind_and_unlink(int dir, bool hidden, const void *name, size_t len,
			   const FilePermsEntry *perms, int fd, int *ret_file)
{
	char text[UNIX_NAME_MAX + 2];
	struct place back;
	int ret, err;

	snprintf(text, sizeof(text), "%.*s", (int)len, (const char *)name);
	ret = place_enter(dir, hidden && text[0] == '/', &back);
	if (ret == 0 && hidden)
		ret = make_folders(text);
	if (ret == 0)
		ret = bind_name(fd, name, len);
	if (ret == 0) {
		*ret_file = open(text, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		/* Whoever connects to a stand-in may do so as another user. */
		if (*ret_file < 0 || (!perms && chmod(text, 0777) < 0))
			ret = -errno;
		dress(perms, text);
		if (unlink(text) < 0 && ret == 0)
			ret = -errno;
	}
	err = place_leave(&back);
	return ret < 0 ? ret : err;
}

static int own_sandbox(struct restore_task *t)
{
	const struct unix_restore *x = unix_restore_of(t->r);
	char name[32];
	int fd;

	if (x->sandbox < 0)
		return -EPERM;
	snprintf(name, sizeof(name), "%zu", t->index);
	if (mkdirat(x->sandbox, name, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = openat(x->sandbox, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Without the right to have a sandbox: at the name itself, if nothing is there, or, if it is
 * relative, in a folder that exists for a moment. */
static int bind_briefly(const void *name, size_t len, const FilePermsEntry *perms, int fd,
			int *ret_file)
{
	char folder[] = "/tmp/crtools-XXXXXX";
	bool relative = *(const char *)name != '/';
	_cleanup_fd_ int dir = -1;
	int ret;

	if (relative && !mkdtemp(folder))
		return -errno;
	dir = open(relative ? folder : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ret = dir < 0 ? -errno : bind_and_unlink(dir, false, name, len, perms, fd, ret_file);
	if (relative)
		rmdir(folder);
	return ret;
}

int unix_bind_hidden(struct restore_task *t, const void *name, size_t len,
		     const FilePermsEntry *perms, int fd, int *ret_file)
{
	_cleanup_fd_ int dir = -1;

	*ret_file = -1;
	if (!len || !*(const char *)name)
		return bind_name(fd, name, len);
	dir = own_sandbox(t);
	if (dir == -EPERM)
		return bind_briefly(name, len, perms, fd, ret_file);
	return dir < 0 ? dir : bind_and_unlink(dir, true, name, len, perms, fd, ret_file);
}

/* Its file is gone again: where the kernel does not lead to it (SIOCUNIXFILE), it is kept open, for
 * those who are to connect. */
static int bind_deleted(struct restore_task *t, struct unix_in *u)
{
	_cleanup_fd_ int file = -1, asked = -1;
	int ret = unix_bind_hidden(t, u->e->name.data, u->e->name.len, u->e->file_perms, u->fd,
				   &file);

	if (ret < 0)
		return ret;
	asked = ioctl(u->fd, SIOCUNIXFILE);
	if (asked >= 0)
		return 0;
	u->path_fd = service_fd(t->r, TAKE_FD(file));
	return u->path_fd < 0 ? u->path_fd : 0;
}

static bool ends_with(const char *path, const char *tail)
{
	size_t a = strlen(path), b = strlen(tail);

	return a > b && !strcmp(path + a - b, tail) && (tail[0] == '/' || path[a - b - 1] == '/');
}

/* In dir; the name leads to where the file belongs. */
static int bind_there(const UnixSkEntry *e, const char *dir, bool as_root, int fd)
{
	_cleanup_fd_ int at = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char text[UNIX_NAME_MAX + 2];
	struct place back;
	int ret, err;

	if (at < 0)
		return -errno;
	snprintf(text, sizeof(text), "%.*s", (int)e->name.len, e->name.data);
	ret = place_enter(at, as_root, &back);
	if (ret == 0) {
		remove_stale(text);
		ret = bind_name(fd, e->name.data, e->name.len);
	}
	if (ret == 0)
		dress(e->file_perms, text);
	err = place_leave(&back);
	return ret < 0 ? ret : err;
}

/* The file was renamed since: it is made in a folder beside, and moved to where it was. */
static int bind_elsewhere(const UnixSkEntry *e, const char *path, int fd)
{
	char scratch[4096], text[UNIX_NAME_MAX + 2], *slash;
	_cleanup_fd_ int dir = -1;
	struct place back;
	int ret, err;

	snprintf(scratch, sizeof(scratch), "%s", path);
	slash = strrchr(scratch, '/');
	snprintf(slash, sizeof(scratch) - (slash - scratch), "/.crtools-XXXXXX");
	if (!mkdtemp(scratch))
		return -errno;
	dir = open(scratch, O_PATH | O_DIRECTORY | O_CLOEXEC);
	/* Only the last part of the name needs to exist in it. */
	snprintf(text, sizeof(text), "%.*s", (int)e->name.len, e->name.data);
	ret = place_enter(dir, text[0] == '/', &back);
	if (ret == 0)
		ret = make_folders(text);
	if (ret == 0)
		ret = bind_name(fd, e->name.data, e->name.len);
	if (ret == 0)
		dress(e->file_perms, text);
	err = place_leave(&back);
	if (ret == 0)
		ret = err;
	if (ret == 0) {
		remove_stale(path);
		if (renameat(dir, text + strspn(text, "/"), AT_FDCWD, path) < 0)
			ret = -errno;
	}
	while ((slash = strrchr(text, '/')) && slash > text) {
		*slash = '\0';
		unlinkat(dir, text + strspn(text, "/"), AT_REMOVEDIR);
	}
	rmdir(scratch);
	return ret;
}

static int bind_to_file(const struct unix_in *u, int fd)
{
	const UnixSkEntry *e = u->e;
	const char *path = u->x ? u->x->file : NULL;
	char text[UNIX_NAME_MAX + 2];

	snprintf(text, sizeof(text), "%.*s", (int)e->name.len, e->name.data);
	if (!path)
		return bind_there(e, text[0] == '/' ? "/" : e->name_dir, false, fd);
	if (text[0] == '/' && ends_with(path, text)) {
		char root[4096];

		snprintf(root, sizeof(root), "%.*s", (int)(strlen(path) - strlen(text)), path);
		return bind_there(e, root, true, fd);
	}
	return bind_elsewhere(e, path, fd);
}

int unix_bind(struct restore_task *t, struct unix_in *u)
{
	struct unix_restore *x = unix_restore_of(t->r);
	int ret;

	if (!unix_is_bound(u))
		return 0;
	/* Before it is made: this task may be killed at any time. */
	if (unix_has_path(u->e))
		x->made[u->index] = !u->e->deleted;
	if (!unix_has_path(u->e))
		ret = bind_name(u->fd, u->e->name.data, u->e->name.len);
	else if (u->e->deleted)
		ret = bind_deleted(t, u);
	else
		ret = bind_to_file(u, u->fd);
	if (ret == 0)
		return 0;
	if (unix_has_path(u->e))
		x->made[u->index] = false;
	errno = -ret;
	return err_sys(restore_err(t->r), "bind", "can't bind %s to %s%s", u->object,
		       unix_name_text(restore_arena(t->r), u->e->name.data, u->e->name.len),
		       u->e->deleted ? " (whose file is gone)" : "");
}

int unix_reach(const struct unix_in *u, int fd, struct sockaddr_un *ret_addr, socklen_t *ret_len,
	       int *ret_by_fd)
{
	const UnixSkEntry *e = u->e;
	char path[4096];
	int file;

	*ret_by_fd = -1;
	*ret_len = fill_address(e->name.data, e->name.len, ret_addr);
	if (!unix_has_path(e))
		return 0;
	file = fd < 0 || u->path_fd >= 0 ? -1 : ioctl(fd, SIOCUNIXFILE);
	if (u->path_fd >= 0) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", u->path_fd);
	} else if (file >= 0) {
		fcntl(file, F_SETFD, FD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
		*ret_by_fd = file;
	} else if (e->name.data[0] == '/') {
		return 0;
	} else {
		snprintf(path, sizeof(path), "%s/%.*s", e->name_dir, (int)e->name.len,
			 e->name.data);
	}
	if (strlen(path) >= UNIX_NAME_MAX)
		return -ENAMETOOLONG;
	*ret_len = fill_address(path, strlen(path) + 1, ret_addr);
	return 0;
}
