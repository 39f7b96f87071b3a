/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files whose recorded name does not lead to them (dump). In this order it is found out why:
 *
 *  - a file of /proc/PID of a process that has ended: a helper task with that pid is made at the
 *    restore (remap PROCFS);
 *  - no link is left (or it is a removed directory): the contents go to the images (ghost);
 *  - the name is gone but another link is there: the entry holds that one's name if it is found in
 * the same directory or above, else a link is made for the restore with --link-remap (remap LINKED);
 *  - the name leads to another file: something is mounted on top of it, or it is out of reach.
 *
 * A file that NFS has renamed because it was removed while open (".nfs…") goes away with the dumped
 * process: a ghost, too.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "image/writer.h"
#include "objects/file/file.h"
#include "objects/registry.h"

#define ENTRIES_MAX 65536 /* of a directory, in the search for another link */

static void files_out_drop(void *data)
{
	struct files_out *out = data;

	close_fd(&out->root);
	hash_free(&out->ghosts_by_inode);
}

/* The root that names in /proc start from: d_path() stops at the root of the mount namespace. */
static int open_root(struct dump *d)
{
	const struct proc *root = &d->tree.procs[0]->proc;
	int ret;

	if (d->tasks[0]->ns.ino[NS_MNT] != d->own_ns.ino[NS_MNT])
		return proc_openat(root, "root", O_PATH | O_DIRECTORY, dump_err(d));
	ret = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return ret < 0 ? err_sys(dump_err(d), "open", "can't open /") : ret;
}

int files_out_of(struct dump *d, struct files_out **ret)
{
	struct files_out *out = d->priv[SLOT_GHOST];

	if (!out) {
		int root = open_root(d);

		if (root < 0)
			return root;
		out = arena_new(dump_arena(d), struct files_out);
		out->root = root;
		d->priv[SLOT_GHOST] = out;
		undo_push(&d->s->owned, files_out_drop, out);
	}
	*ret = out;
	return 0;
}

static void add_remap(struct dump *d, struct files_out *out, uint32_t id, uint32_t target,
		      RemapType type)
{
	RemapFilePathEntry *e = arena_msg(dump_arena(d), RemapFilePathEntry, remap_file_path_entry);

	e->orig_id = id;
	e->remap_id = target;
	e->has_remap_type = true;
	e->remap_type = type;
	arena_push(dump_arena(d), out->remaps, out->n_remaps, e);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* --- /proc ----------------------------------------------------------------------------------- */

static bool is_thread_id(const struct dump *d, pid_t id, bool *ret_leader)
{
	for (size_t i = 0; i < d->n_tasks; i++) {
		*ret_leader = d->tasks[i]->vpid == id;
		if (*ret_leader)
			return true;
		for (size_t k = 0; k < d->tasks[i]->n_threads; k++)
			if (d->tasks[i]->threads[k].vtid == id)
				return true;
	}
	return false;
}

static int remap_proc(struct dump *d, struct files_out *out, const struct file_probe *p,
		      RegFileEntry *e, bool there)
{
	pid_t pid, tid;
	bool leader;

	if (!path_proc_ids(e->name, &pid, &tid)) {
		if (!there)
			task_refuse(
				p->task, probe_object(p),
				"it is a file of a proc file system that is not there any more, or not at /proc",
				"");
		return 0;
	}
	if (tid && tid != pid) {
		task_refuse(
			p->task, probe_object(p),
			"it is a file of a thread in /proc, and threads come to life after descriptors do",
			"close it before the dump");
		return 0;
	}
	if (is_thread_id(d, pid, &leader) && (!there || !leader)) {
		task_refuse(
			p->task, probe_object(p),
			leader ? "it is a file of a process that has ended, and another one in the tree has its id now"
			       : "it is a file of a thread in /proc, and threads come to life after descriptors do",
			"close it before the dump");
		return 0;
	}
	if (!there)
		add_remap(d, out, e->id, pid, REMAP_TYPE__PROCFS);
	return 0;
}

/* --- ghosts ---------------------------------------------------------------------------------- */

static int remap_ghost(struct dump *d, struct files_out *out, const struct file_probe *p,
		       RegFileEntry *e)
{
	uint64_t key = hash_mix(p->stat.st_dev, p->stat.st_ino),
		 allocated = p->stat.st_blocks * UINT64_C(512);
	struct ghost_out *g;

	for (; (g = hash_get(&out->ghosts_by_inode, key)); key++)
		if (is_same(&g->stat, &p->stat))
			break;
	if (!g) {
		g = arena_new(dump_arena(d), struct ghost_out);
		*g = (struct ghost_out){ .id = out->n_ghosts + 1,
					 .task = p->task,
					 .stat = p->stat,
					 .magic = arena_strdup(dump_arena(d), p->magic),
					 .name = e->name };
		hash_put(&out->ghosts_by_inode, key, g);
		arena_push(dump_arena(d), out->ghosts, out->n_ghosts, g);
		/* Its head and attributes fill a block. */
		d->content_bytes += (S_ISREG(p->stat.st_mode) ? allocated : 0) + IMAGE_BLOCK;
		if (S_ISREG(p->stat.st_mode) && allocated > d->s->opts->ghost_limit)
			task_refuse(
				p->task, probe_object(p),
				arena_printf(
					dump_arena(d),
					"it was removed, and its contents have %llu bytes, above the limit of %llu",
					(unsigned long long)allocated,
					(unsigned long long)d->s->opts->ghost_limit),
				arena_printf(dump_arena(d), "give --ghost-limit %llu",
					     (unsigned long long)allocated));
	}
	add_remap(d, out, e->id, g->id, REMAP_TYPE__GHOST);
	return 0;
}

/* --- another link ------------------------------------------------------------------------------ */

static const char *parent_of(struct arena *a, const char *name)
{
	size_t len = path_last(name) - name;

	return arena_printf(a, "%.*s", (int)(len > 1 ? len - 1 : 1), name);
}

/* The directory that a name was in, or the nearest one above that is still there. */
static const char *nearest_dir(struct arena *a, int root, const char *name)
{
	struct stat st;

	do
		name = parent_of(a, name);
	while (name[1] && (path_stat(root, name, &st) < 0 || !S_ISDIR(st.st_mode)));
	return name;
}

/* A name of the same inode in a directory; NULL: none, or the directory is not there. */
static const char *find_link(struct arena *a, int root, const char *dir_name, const struct stat *st)
{
	int fd = path_open(root, dir_name, O_RDONLY | O_DIRECTORY, 0), seen = 0;
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const char *found = NULL;
	struct dirent *e;
	struct stat here;

	if (!dir)
		return NULL;
	while (!found && seen++ < ENTRIES_MAX && (e = readdir(dir)))
		if (e->d_ino == st->st_ino &&
		    fstatat(dirfd(dir), e->d_name, &here, AT_SYMLINK_NOFOLLOW) == 0 &&
		    is_same(&here, st))
			found = arena_printf(a, "%s%s%s", dir_name, dir_name[1] ? "/" : "",
					     e->d_name);
	return found;
}

static void add_removed_name(struct dump *d, uint32_t id, char *name)
{
	CrtoolsFileEntry *x = extras_add(d);

	x->removed = arena_msg(dump_arena(d), CrtoolsRemovedName, crtools_removed_name);
	x->removed->has_id = true;
	x->removed->id = id;
	x->removed->name = name;
}

static int remap_link(struct dump *d, struct files_out *out, const struct file_probe *p,
		      RegFileEntry *e)
{
	struct arena *a = dump_arena(d);
	const char *dir = nearest_dir(a, out->root, e->name);
	const char *found = find_link(a, out->root, dir, &p->stat);
	RegFileEntry *link;
	struct link_out job;

	if (!found && dir[1])
		found = find_link(a, out->root, parent_of(a, dir), &p->stat);
	if (found) {
		add_removed_name(d, e->id, e->name);
		e->name = (char *)found;
		return 0;
	}
	if (!d->s->opts->link_remap) {
		task_refuse(
			p->task, probe_object(p),
			"the name by which it was opened was removed, and it lives on under a name that is not known",
			"give --link-remap, which makes a link to it until the restore");
		return 0;
	}
	link = arena_msg(a, RegFileEntry, reg_file_entry);
	link->id = ++d->next_file_id;
	link->fown = arena_msg(a, FownEntry, fown_entry);
	link->name = arena_printf(a, "%s%slink_remap.%u", dir, dir[1] ? "/" : "", link->id);
	job = (struct link_out){ p->task, arena_strdup(a, p->magic), link->name };
	arena_push(a, out->links, out->n_links, job);
	add_remap(d, out, e->id, link->id, REMAP_TYPE__LINKED);
	reg_add(d, link);
	return 0;
}

/* --- another node of the same device ----------------------------------------------------------- */

static bool is_device(const struct stat *st)
{
	return S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode);
}

static bool is_node_of(const struct stat *st, const struct stat *device)
{
	return (st->st_mode & S_IFMT) == (device->st_mode & S_IFMT) &&
	       st->st_rdev == device->st_rdev;
}

static const char *find_node(struct arena *a, int root, const struct stat *device)
{
	int fd = path_open(root, "/dev", O_RDONLY | O_DIRECTORY, 0), seen = 0;
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const char *found = NULL;
	struct dirent *e;
	struct stat st;

	while (dir && !found && seen++ < ENTRIES_MAX && (e = readdir(dir)))
		if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    is_node_of(&st, device))
			found = arena_printf(a, "/dev/%s", e->d_name);
	return found;
}

/* --evasive-devices: what was opened can't be reached by its name, but the number is what makes a
 * device. A node at the same name, else one in /dev; false: there is none. */
static bool evade(struct dump *d, const struct files_out *out, const struct file_probe *p,
		  RegFileEntry *e)
{
	const char *found = e->name;
	struct stat st;

	if (!d->s->opts->evasive_devices || !is_device(&p->stat))
		return false;
	if (path_stat(out->root, found, &st) < 0 || !is_node_of(&st, &p->stat))
		found = find_node(dump_arena(d), out->root, &p->stat);
	if (!found || path_stat(out->root, found, &st) < 0)
		return false;
	e->name = (char *)found;
	e->has_mode = true;
	e->mode = st.st_mode;
	task_warn(p->task, probe_object(p),
		  arena_printf(dump_arena(d), "%s is opened instead, a node of the same device",
			       found),
		  "");
	return true;
}

/* --- all of them -------------------------------------------------------------------------------- */

/* Of files that are known by a link only (exe, cwd, …) the probe does not say it. */
static bool is_on(const struct file_probe *p, uint32_t magic)
{
	struct statfs fs;

	if (p->fs_magic)
		return p->fs_magic == magic;
	return fstatfs(probe_local(p), &fs) == 0 && (uint32_t)fs.f_type == magic;
}

static bool is_silly(const struct file_probe *p, const char *name)
{
	return !strncmp(path_last(name), ".nfs", 4) && is_on(p, NFS_SUPER_MAGIC);
}

/* No link is left. overlayfs goes on counting the link of a file that is only in a lower layer,
 * which it can't take away there. */
static bool is_gone(const struct file_probe *p)
{
	if (!p->stat.st_nlink || !p->link.deleted)
		return !p->stat.st_nlink;
	return S_ISDIR(p->stat.st_mode) ||
	       (p->stat.st_nlink == 1 && is_on(p, OVERLAYFS_SUPER_MAGIC));
}

int remap_collect(struct dump *d, const struct file_probe *p, RegFileEntry *e)
{
	struct files_out *out;
	struct stat st;
	bool same;
	int there, ret = files_out_of(d, &out);

	if (ret < 0)
		return ret;
	there = path_stat(out->root, e->name, &st);
	same = there == 0 && is_same(&st, &p->stat);
	if (p->link.deleted && p->stat.st_nlink) {
		/* A file may be called so. */
		const char *whole = arena_printf(dump_arena(d), "%s (deleted)", e->name);

		if (path_stat(out->root, whole, &st) == 0 && is_same(&st, &p->stat)) {
			e->name = (char *)whole;
			return 0;
		}
	}
	/* One without a name of its own may well look like another mount's root. */
	if ((!same || e->flags & O_PATH) && !is_on(p, PROC_SUPER_MAGIC) &&
	    mount_is_detached(d, p)) {
		task_refuse(p->task, probe_object(p),
			    "is of a mount that has no place in the tree of mounts (fsmount, "
			    "open_tree, umount --lazy), and ends with its last descriptor",
			    "have the program mount it, or close it, before the dump");
		return 0;
	}
	if (is_silly(p, e->name))
		return remap_ghost(d, out, p, e);
	if ((!same || !strncmp(e->name, "/proc/", 6)) && is_on(p, PROC_SUPER_MAGIC))
		return remap_proc(d, out, p, e, there == 0 && !p->link.deleted);
	if (same || evade(d, out, p, e))
		return 0;
	if (is_gone(p))
		return remap_ghost(d, out, p, e);
	if (p->link.deleted)
		return remap_link(d, out, p, e);
	if (there == -EACCES) {
		task_refuse(p->task, probe_object(p),
			    "its name leads through a folder that crtools may not search",
			    "run crtools as root, or let its user search the folders of the path");
		return 0;
	}
	task_refuse(p->task, probe_object(p),
		    there < 0 ? "its name leads nowhere from the tree's root"
			      : "its name leads to another file: something is mounted on top of it",
		    is_device(&p->stat)
			    ? "give --evasive-devices: another node of the device will do"
			    : "");
	return 0;
}

/* --- writing
 * -------------------------------------------------------------------------------------- */

static void unlink_name(void *data)
{
	unlink(data);
}

/* For a dump that fails: the name seen from the tool. */
static char *tool_name(struct dump *d, int root, const char *name)
{
	return arena_printf(dump_arena(d), "/proc/self/fd/%d%s", root, name);
}

static void note_link(struct dump *d, int fd, const char *name)
{
	const char *last = path_last(name);
	_cleanup_fd_ int dir = open(arena_printf(dump_arena(d), "%.*s", (int)(last - name), name),
				    O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (dir >= 0 && fstat(fd, &st) == 0)
		journal_name(&d->s->journal, "link", dir, last, &st);
}

static int make_link(struct dump *d, struct files_out *out, const struct link_out *l)
{
	char path[FD_PATH_SIZE];
	_cleanup_fd_ int fd = proc_openat(&l->task->stop->proc, l->magic, O_PATH, dump_err(d));
	const char *name = tool_name(d, out->root, l->name);

	if (fd < 0)
		return fd;
	note_link(d, fd, name);
	if (linkat(AT_FDCWD, fd_path(fd, path), AT_FDCWD, name, AT_SYMLINK_FOLLOW) < 0) {
		if (errno != EEXIST)
			return err_sys(dump_err(d), "linkat", "can't make the link %s", l->name);
		/* Left over from a dump of the same files that was never restored. */
		if (unlink(name) < 0 ||
		    linkat(AT_FDCWD, fd_path(fd, path), AT_FDCWD, name, AT_SYMLINK_FOLLOW) < 0)
			return err_sys(dump_err(d), "linkat", "can't make the link %s", l->name);
	}
	undo_push(&d->s->undo, unlink_name, (char *)name);
	return 0;
}

int files_out_write(struct dump *d)
{
	struct files_out *out;
	int ret = files_out_of(d, &out);

	if (ret < 0 || out->written)
		return ret;
	out->written = true;
	for (size_t i = 0; ret == 0 && i < out->n_ghosts; i++)
		ret = ghost_write(d, out->ghosts[i]);
	for (size_t i = 0; ret == 0 && i < out->n_links; i++)
		ret = make_link(d, out, &out->links[i]);
	if (ret == 0)
		ret = image_write_all(d->s->images, IMAGE_REMAP_FPATH, 0, (void **)out->remaps,
				      out->n_remaps, dump_err(d));
	if (ret == 0)
		ret = pipe_data_write(d, SLOT_PIPE);
	if (ret == 0)
		ret = pipe_data_write(d, SLOT_FIFO);
	return ret;
}
