/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files whose name is gone (restore). A file shows the name by which it was opened for as long as
 * it is open (the dentry keeps it), so each is opened by that name once more: it is made under a
 * temporary name in the same directory, linked to the name, opened with the flags of its
 * description, and the name goes at once. All of that happens in the tool before it forks: tasks
 * inherit the open descriptions as service descriptors, and nothing has to be kept on the file
 * system for later.
 *
 * Invariants:
 *  - a name that was given to another file meanwhile leads somewhere at every instant: the two
 * files change places (RENAME_EXCHANGE), and the other one comes back over ours, in one step each.
 * Where that can't be done the file is opened by its temporary name, and only /proc/PID/fd shows
 * the difference;
 *  - whatever was made is removed before remap_prepare returns, on failure as well: files, then
 *    directories, the last made first;
 *  - temporary names hold the tool's pid, so that two restores do not meet; directories made for a
 *    while are made and removed under a lock (flock on the root directory);
 *  - removed directories are made before what was in them (names are sorted), and stay until the
 * end.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "image/reader.h"
#include "objects/file/file.h"
#include "objects/registry.h"

#define OLD_GHOST_BIT 0x80000000u /* of remap_id, in images without remap_type */
#define LOCK_TRIES    100
#define LOCK_WAIT_US  10000

/* --- reading --------------------------------------------------------------------------------- */

static int bad_remap(struct restore *r, const RemapFilePathEntry *e, const char *why)
{
	return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
		       "remap-fpath.img: the remap of file %u %s", e->orig_id, why);
}

static struct remap_in *add_remap(struct restore *r, struct files_in *in, struct restore_file *f)
{
	struct remap_in *m = arena_new(restore_arena(r), struct remap_in);

	*m = (struct remap_in){ .file = f, .name = f->entry->reg->name, .service = -1 };
	hash_put(&in->remaps, f->id, m);
	arena_push(restore_arena(r), in->list, in->n, m);
	return m;
}

static int resolve_ghost(struct restore *r, struct files_in *in, struct remap_in *m, uint32_t id)
{
	int ret = 0;

	m->ghost = hash_get(&in->ghosts, id);
	if (!m->ghost) {
		ret = ghost_read(r, id, &m->ghost);
		if (ret == 0)
			hash_put(&in->ghosts, id, m->ghost);
	}
	return ret;
}

static int read_remap(struct restore *r, struct files_in *in, const RemapFilePathEntry *e)
{
	struct restore_file *f = restore_file_by_id(r, e->orig_id);
	uint32_t target = e->remap_id;
	struct remap_in *m;
	pid_t pid, tid;

	if (!f || !f->entry->reg || f->entry->reg->name[0] != '/')
		return bad_remap(r, e, "is of no file with a path");
	if (hash_get(&in->remaps, f->id))
		return bad_remap(r, e, "is there twice");
	m = add_remap(r, in, f);
	m->type = e->remap_type;
	if (!e->has_remap_type) {
		m->type = target & OLD_GHOST_BIT ? REMAP_TYPE__GHOST : REMAP_TYPE__LINKED;
		target &= ~OLD_GHOST_BIT;
	}
	switch (m->type) {
	case REMAP_TYPE__GHOST:
		return resolve_ghost(r, in, m, target);
	case REMAP_TYPE__LINKED:
		m->link = restore_file_by_id(r, target);
		if (!m->link || !m->link->entry->reg || m->link->entry->reg->name[0] != '/')
			return bad_remap(r, e, "points to no file with a path");
		return 0;
	case REMAP_TYPE__PROCFS:
		if (!path_proc_ids(m->name, &pid, &tid) || pid != (pid_t)target)
			return bad_remap(r, e, "has a pid that is not that of its path");
		return 0;
	default:
		return bad_remap(r, e, "is of a type that this version does not know");
	}
}

static int read_extra(struct restore *r, struct files_in *in, const CrtoolsFileEntry *x)
{
	struct restore_file *f;
	struct ghost_in *g;
	struct remap_in *m;

	if (x->ghost) {
		g = hash_get(&in->ghosts, x->ghost->id);
		if (g)
			g->extra = x->ghost;
	}
	if (!x->removed || !x->removed->name)
		return 0;
	f = restore_file_by_id(r, x->removed->id);
	if (!f || !f->entry->reg || hash_get(&in->remaps, f->id) || x->removed->name[0] != '/' ||
	    strlen(x->removed->name) >= PATH_MAX)
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "crtools-files.img: the removed name of file %u makes no sense",
			       x->removed->id);
	m = add_remap(r, in, f);
	m->type = REMAP_TYPE__LINKED;
	m->found = f->entry->reg->name;
	m->name = x->removed->name;
	return 0;
}

static int read_all(struct restore *r, struct files_in *in)
{
	CrtoolsFileEntry **extra;
	RemapFilePathEntry **remaps;
	size_t n, n_extra = 0;
	int ret = image_read_all(r->s->images, IMAGE_REMAP_FPATH, 0, restore_arena(r),
				 restore_err(r), &remaps, &n);

	for (size_t i = 0; ret == 0 && i < n; i++)
		ret = read_remap(r, in, remaps[i]);
	if (ret == 0)
		ret = extras_read(r, &extra, &n_extra);
	for (size_t i = 0; ret == 0 && i < n_extra; i++)
		ret = read_extra(r, in, extra[i]);
	return ret;
}

static void files_in_drop(void *data)
{
	struct files_in *in = data;

	close_fd(&in->root);
	hash_free(&in->remaps);
	hash_free(&in->ghosts);
}

int files_in_of(struct restore *r, struct files_in **ret)
{
	struct files_in *in = r->priv[SLOT_GHOST];

	if (!in) {
		in = arena_new(restore_arena(r), struct files_in);
		in->is_root = geteuid() == 0;
		in->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (in->root < 0)
			return err_sys(restore_err(r), "open", "can't open /");
		r->priv[SLOT_GHOST] = in;
		undo_push(&r->s->owned, files_in_drop, in);
		*ret = in;
		return read_all(r, in);
	}
	*ret = in;
	return 0;
}

struct remap_in *remap_of(struct restore *r, uint32_t file_id)
{
	struct files_in *in = r->priv[SLOT_GHOST];

	return in ? hash_get(&in->remaps, file_id) : NULL;
}

/* --- names for a while -------------------------------------------------------------------------- */

struct made {
	int dir; /* O_PATH */
	const char *name;
	bool is_dir;
};

struct maker {
	struct restore *r;
	struct files_in *in;
	struct made *made;
	size_t n;
	int lock; /* -1: not needed so far */
};

static void note_made(struct maker *mk, int dir, const char *name, bool is_dir)
{
	struct made m = { dir, arena_strdup(restore_arena(mk->r), name), is_dir };

	arena_push(restore_arena(mk->r), mk->made, mk->n, m);
}

static void note_made_dir(struct maker *mk, int above, const char *name)
{
	struct stat st;

	if (fstatat(above, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		journal_name(&mk->r->s->journal, "name", above, name, &st);
	note_made(mk, fcntl(above, F_DUPFD_CLOEXEC, 0), name, true);
}

/* Takes away all that was made, the last first, and closes the directories. */
static int clean(struct maker *mk)
{
	int ret = 0;

	while (mk->n) {
		struct made *m = &mk->made[--mk->n];

		if (m->name && unlinkat(m->dir, m->name, m->is_dir ? AT_REMOVEDIR : 0) < 0 &&
		    ret == 0)
			ret = err_sys(restore_err(mk->r), "unlinkat",
				      "can't remove the temporary name %s", m->name);
		close_fd(&m->dir);
	}
	close_fd(&mk->lock); /* unlocks */
	return ret;
}

/* Somebody else may hold a lock on the root directory for reasons of their own: not for ever. */
static void take_lock(struct maker *mk)
{
	if (mk->lock >= 0)
		return;
	mk->lock = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; mk->lock >= 0 && i < LOCK_TRIES && flock(mk->lock, LOCK_EX | LOCK_NB) < 0;
	     i++)
		usleep(LOCK_WAIT_US);
}

static const char *cut_last(struct arena *a, const char *name)
{
	size_t len = path_last(name) - name;

	return arena_printf(a, "%.*s", (int)(len > 1 ? len - 1 : 1), name);
}

/*
 * The directory of a name, made again where it is gone. Where that can't be (a file has taken the
 * place of a directory, …) it is the nearest one that is there. The descriptor is the maker's.
 */
static int open_dir(struct maker *mk, const char *dir_name, int *ret_dir, bool *ret_exact)
{
	struct arena *a = restore_arena(mk->r);
	int dir = path_open(mk->in->root, dir_name, O_PATH | O_DIRECTORY, 0), above, ret;
	struct made m = { .name = NULL };

	*ret_exact = true;
	if (dir < 0 && dir_name[1]) {
		take_lock(mk);
		ret = open_dir(mk, cut_last(a, dir_name), &above, ret_exact);
		if (ret < 0)
			return ret;
		if (*ret_exact && mkdirat(above, path_last(dir_name), 0700) == 0)
			note_made_dir(mk, above, path_last(dir_name));
		else if (*ret_exact && errno != EEXIST)
			*ret_exact = false;
		dir = *ret_exact ? path_open(mk->in->root, dir_name, O_PATH | O_DIRECTORY, 0) : -1;
		if (dir < 0) {
			*ret_exact = false;
			dir = fcntl(above, F_DUPFD_CLOEXEC, 0);
		}
	}
	if (dir < 0) {
		errno = dir == -1 ? errno : -dir;
		return err_sys(restore_err(mk->r), "openat2", "can't open the directory %s",
			       dir_name);
	}
	m.dir = dir;
	arena_push(a, mk->made, mk->n, m);
	*ret_dir = dir;
	return 0;
}

/* --- making files
 * --------------------------------------------------------------------------------- */

static int make_node(const struct ghost_in *g, int dir, const char *name)
{
	int fd;

	switch (g->e->mode & S_IFMT) {
	case S_IFREG:
		fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		return fd < 0 ? -errno : fd;
	case S_IFDIR:
		if (mkdirat(dir, name, 0700) < 0)
			return -errno;
		fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		return fd < 0 ? -errno : fd;
	case S_IFLNK:
		if (symlinkat(g->e->symlnk_target, dir, name) < 0)
			return -errno;
		break;
	default:
		if (mknodat(dir, name, (g->e->mode & S_IFMT) | 0600, g->e->rdev) < 0)
			return -errno;
	}
	fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static const char *temporary(struct maker *mk, uint32_t id)
{
	return arena_printf(restore_arena(mk->r), ".crtools-%d-%u", getpid(), id);
}

/* A directory can't have two names: it gets its own if that is free. */
static int make_ghost(struct maker *mk, struct ghost_in *g, const char *name, int dir, bool exact)
{
	bool is_dir = S_ISDIR(g->e->mode);
	struct stat st;

	g->base_is_name = is_dir && exact;
	g->base = g->base_is_name ? path_last(name) : temporary(mk, g->id);
	if (!g->base_is_name)
		journal_name(&mk->r->s->journal, "name", dir, g->base, NULL);
	g->fd = make_node(g, dir, g->base);
	if (g->fd >= 0 && g->base_is_name && fstat(g->fd, &st) == 0)
		journal_name(&mk->r->s->journal, "name", dir, g->base, &st);
	if (g->fd == -EEXIST && g->base_is_name) {
		g->base_is_name = false;
		g->base = temporary(mk, g->id);
		journal_name(&mk->r->s->journal, "name", dir, g->base, NULL);
		g->fd = make_node(g, dir, g->base);
	}
	if (g->fd < 0) {
		errno = -g->fd;
		g->fd = -1;
		return err_sys(restore_err(mk->r), "openat", "can't make the removed file %s again",
			       name);
	}
	g->dir = dir;
	note_made(mk, fcntl(dir, F_DUPFD_CLOEXEC, 0), g->base, is_dir);
	if (fault_at("restore-ghost", restore_err(mk->r)) < 0)
		return -ECANCELED;
	return S_ISREG(g->e->mode) ? ghost_fill(mk->r, g) : 0;
}

/*
 * A file made without a name (O_TMPFILE, "#INODE" in /proc) shows that in its flags, and can be
 * linked to a name as long as it never had one. So it gets none here either; others that have it
 * open have opened it through /proc, as it is done again.
 */
static bool is_unnamed(const struct remap_in *m)
{
	return S_ISREG(m->ghost->e->mode) && m->file->entry->reg->flags & KERNEL_O_TMPFILE &&
	       path_last(m->name)[0] == '#';
}

static int make_unnamed(struct maker *mk, struct remap_in *m, int dir)
{
	struct ghost_in *g = m->ghost;
	int flags = m->file->entry->reg->flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_ASYNC);
	_cleanup_fd_ int fd = openat(dir, ".", flags | O_TMPFILE | O_CLOEXEC, 0600);

	if (fd < 0)
		return 0; /* a file system without O_TMPFILE: by a temporary name, then */
	g->fd = fd_reopen(fd, O_RDWR);
	if (g->fd < 0) {
		errno = -g->fd;
		g->fd = -1;
		return err_sys(restore_err(mk->r), "open", "can't fill the removed file %s",
			       m->name);
	}
	g->unnamed = true;
	m->service = service_fd(mk->r, TAKE_FD(fd));
	return m->service < 0 ? m->service : ghost_fill(mk->r, g);
}

static int open_unnamed(struct maker *mk, struct remap_in *m)
{
	int fd = fd_reopen(m->ghost->fd, reg_open_flags(m->file->entry->reg) & ~O_NOFOLLOW);

	if (fd < 0) {
		errno = -fd;
		return err_sys(restore_err(mk->r), "open", "can't open the removed file %s",
			       m->name);
	}
	m->service = service_fd(mk->r, fd);
	return m->service < 0 ? m->service : 0;
}

static int open_flags_of(const struct remap_in *m)
{
	const RegFileEntry *e = m->file->entry->reg;

	/* Opening a fifo waits for its other end: fifo.c does that. */
	return S_ISFIFO(e->mode) && !(e->flags & O_PATH) ? O_PATH | O_CLOEXEC : reg_open_flags(e);
}

/* Opens base by a name that another file has. The descriptor or -errno; *ret_bad: that other file
 * could not be given its name back. */
static int open_swapped(struct maker *mk, struct remap_in *m, int base_dir, const char *base,
			int dir, bool *ret_bad)
{
	const char *name = path_last(m->name);
	const char *spare = arena_printf(restore_arena(mk->r), ".crtools-%d-swap", getpid());
	struct stat other, own;
	int fd, num;

	*ret_bad = false;
	/* A directory can't come back over a file. */
	if (fstatat(dir, name, &other, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(other.st_mode))
		return -EISDIR;
	if (fstatat(base_dir, base, &own, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	journal_swap(&mk->r->s->journal, dir, name, spare, &own);
	if (linkat(base_dir, base, dir, spare, 0) < 0)
		return -errno;
	if (renameat2(dir, spare, dir, name, RENAME_EXCHANGE) < 0) {
		num = errno;
		unlinkat(dir, spare, 0);
		return -num;
	}
	errno = ECANCELED;
	fd = fault_at("restore-swapped", NULL);
	fd = fd < 0 ? fd : openat(dir, name, open_flags_of(m));
	num = errno;
	if (renameat(dir, spare, dir, name) < 0) {
		*ret_bad = renameat2(dir, spare, dir, name, RENAME_EXCHANGE) < 0;
		unlinkat(dir, spare, 0);
	}
	return fd < 0 ? -num : fd;
}

static bool is_link_of(int dir_a, const char *a, int dir_b, const char *b)
{
	struct stat one, two;

	return fstatat(dir_a, a, &one, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(dir_b, b, &two, AT_SYMLINK_NOFOLLOW) == 0 && one.st_dev == two.st_dev &&
	       one.st_ino == two.st_ino;
}

/* Opens the file that is at base_dir/base, by its own name if that can be. */
static int open_as(struct maker *mk, struct remap_in *m, int base_dir, const char *base, int dir,
		   bool exact)
{
	const char *name = path_last(m->name);
	bool linked = false, bad = false;
	struct stat st;
	int fd = -1, num;

	if (exact && strcmp(base, name)) {
		if (fstatat(base_dir, base, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			journal_name(&mk->r->s->journal, "name", dir, name, &st);
		linked = linkat(base_dir, base, dir, name, 0) == 0;
		if (!linked && is_link_of(base_dir, base, dir, name))
			fd = openat(dir, name, open_flags_of(m));
		else if (!linked)
			fd = open_swapped(mk, m, base_dir, base, dir, &bad);
	}
	if (fd < 0)
		fd = openat(linked ? dir : base_dir, linked ? name : base, open_flags_of(m));
	num = errno;
	if (linked)
		bad = unlinkat(dir, name, 0) < 0;
	if (bad) {
		close_fd(&fd);
		return err_sys(restore_err(mk->r), "renameat", "can't take the name %s away again",
			       m->name);
	}
	if (fd < 0) {
		errno = num;
		return err_sys(restore_err(mk->r), "openat", "can't open the removed file %s",
			       m->name);
	}
	m->service = service_fd(mk->r, fd);
	return m->service < 0 ? m->service : 0;
}

static int bring_ghost(struct maker *mk, struct remap_in *m, int dir, bool exact)
{
	struct ghost_in *g = m->ghost;
	int ret = 0;

	if (g->fd < 0 && is_unnamed(m))
		ret = make_unnamed(mk, m, dir);
	if (ret == 0 && g->fd < 0)
		ret = make_ghost(mk, g, m->name, dir, exact);
	if (ret < 0 || m->service >= 0)
		return ret;
	if (g->unnamed)
		return open_unnamed(mk, m);
	return open_as(mk, m, g->dir, g->base, g->base_is_name ? g->dir : dir,
		       exact && !S_ISDIR(g->e->mode));
}

static int bring_linked(struct maker *mk, struct remap_in *m, int dir, bool exact)
{
	const char *from = m->found ? m->found : m->link->entry->reg->name;
	bool same;
	int base_dir, ret = open_dir(mk, cut_last(restore_arena(mk->r), from), &base_dir, &same);

	if (ret == 0 && !same)
		ret = err_set(restore_err(mk->r), ERR_FILE_MISSING, ENOENT,
			      "the link %s, under which %s is kept, is not there", from, m->name);
	return ret < 0 ? ret : open_as(mk, m, base_dir, path_last(from), dir, exact);
}

static int by_name(const void *a, const void *b)
{
	struct remap_in *const *x = a, *const *y = b;

	int order = strcmp((*x)->name, (*y)->name);

	/* Of several that have an unnamed file, the one that has made it comes first. */
	return order ? order
		     : ((*y)->file->entry->reg->flags & KERNEL_O_TMPFILE ? 1 : 0) -
			       ((*x)->file->entry->reg->flags & KERNEL_O_TMPFILE ? 1 : 0);
}

static int bring(struct maker *mk, struct remap_in *m)
{
	bool exact;
	int dir, ret;

	if (m->type == REMAP_TYPE__PROCFS)
		return 0;
	ret = open_dir(mk, cut_last(restore_arena(mk->r), m->name), &dir, &exact);
	if (ret < 0)
		return ret;
	return m->ghost ? bring_ghost(mk, m, dir, exact) : bring_linked(mk, m, dir, exact);
}

static int dress_all(struct restore *r, struct files_in *in, int ret)
{
	for (size_t i = 0; i < in->n; i++) {
		struct ghost_in *g = in->list[i]->ghost;

		if (!g || g->fd < 0)
			continue;
		if (ret == 0)
			ret = ghost_dress(r, g, in->list[i]->name);
		close_fd(&g->fd);
	}
	return ret;
}

int remap_prepare(struct restore *r)
{
	struct files_in *in;
	struct maker mk = { .r = r, .lock = -1 };
	int ret = files_in_of(r, &in), cleaned;

	if (ret < 0 || in->prepared)
		return ret;
	in->prepared = true;
	mk.in = in;
	in->root = service_fd(r, in->root);
	if (in->root < 0)
		return in->root;
	if (in->n)
		qsort(in->list, in->n, sizeof(*in->list), by_name);
	for (size_t i = 0; ret == 0 && i < in->n; i++)
		ret = bring(&mk, in->list[i]);
	cleaned = clean(&mk);
	return dress_all(r, in, ret < 0 ? ret : cleaned);
}

void remap_finish(struct restore *r, struct restore_file *f)
{
	struct files_in *in = r->priv[SLOT_GHOST];
	struct remap_in *m = remap_of(r, f->id);
	_cleanup_fd_ int dir = -1;
	const char *name;

	if (!in || !m || !m->link)
		return;
	name = m->link->entry->reg->name;
	dir = path_open(in->root, cut_last(restore_arena(r), name), O_PATH | O_DIRECTORY, 0);
	/* Several files may have been kept by one link: it goes with the first. */
	if (dir >= 0 && !strncmp(path_last(name), "link_remap.", 11))
		unlinkat(dir, path_last(name), 0);
}
