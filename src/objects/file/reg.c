/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that have a name: regular files, directories, block devices, character devices without a
 * state of their own, files of /proc and its like, and anything opened with O_PATH. Working
 * directory, root, executable and mapped files are such entries too.
 *
 * Kept: name, status flags, position, owner of signals; the file itself is expected to be there
 * again, and recognised by what validate.c records. Files whose name is gone: remap.c.
 *
 * Invariants:
 *  - an open file's flags, as F_GETFL shows them, are those that it had: O_NOFOLLOW, O_DIRECTORY
 * and O_TMPFILE stay in f_flags for ever (do_dentry_open() takes only O_CREAT, O_EXCL, O_NOCTTY and
 * O_TRUNC away), so they are given at the open, not afterwards;
 *  - O_ASYNC comes last (attach), or the restoring task would get the signal;
 *  - a position of 2^64-1 means that the file has none.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/major.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "kernel/inode.h"
#include "objects/file/file.h"

#define MQUEUE_MAGIC	0x19800202
#define SECRETMEM_MAGIC 0x5345434d
#define NO_POS		UINT64_MAX
/* Never given to open(2) at a restore. */
#define FLAGS_DROPPED (O_CREAT | O_EXCL | O_TRUNC | O_ASYNC | O_CLOEXEC)

/* What check has found, for open. */
struct reg_plan {
	const char *inherit; /* key of --inherit-fd */
	int inherited;	     /* service descriptor; -1 */
	bool seen;	     /* dev and ino are those of the file that was compared */
	dev_t dev;
	ino_t ino;
	uint64_t attributes; /* STATX_ATTR_*; only check needs them */
};

/* --- dump ------------------------------------------------------------------------------------- */

static bool device_is_plain(const struct stat *st)
{
	unsigned int major_no = major(st->st_rdev), minor_no = minor(st->st_rdev);

	if (major_no == MEM_MAJOR) /* null, zero, full, random, urandom, mem, port, kmsg */
		return true;
	/* hw_random, btrfs-control, loop-control: nothing is kept for an open file. */
	return major_no == MISC_MAJOR && (minor_no == 183 || minor_no == 234 || minor_no == 237);
}

/* Memory files live on a mount of the kernel's own, which no name leads to. */
static bool is_memfd(const struct file_probe *p)
{
	return p->fd >= 0 && p->link.deleted && !strncmp(p->link.path, "/memfd:", 7) &&
	       (p->fs_magic == TMPFS_MAGIC || p->fs_magic == HUGETLBFS_MAGIC);
}

static bool reg_match(const struct file_probe *p)
{
	if (p->link.path[0] != '/' || p->anon)
		return false;
	if (ext_matches(p))
		return true;
	if (p->fd < 0 || p->info.flags & O_PATH)
		return true;
	switch (p->stat.st_mode & S_IFMT) {
	case S_IFREG:
		return p->fs_magic != MQUEUE_MAGIC && p->fs_magic != SECRETMEM_MAGIC &&
		       !is_memfd(p);
	case S_IFDIR:
	case S_IFBLK:
		return true;
	case S_IFCHR:
		return device_is_plain(&p->stat);
	default:
		return false;
	}
}

static void collect_position(const struct file_probe *p, RegFileEntry *e)
{
	e->pos = p->info.pos;
	/* /dev/kmsg, for one, has records and no offsets. */
	if (S_ISCHR(p->stat.st_mode) && p->fd >= 0 && !(e->flags & O_PATH) &&
	    lseek(probe_local(p), 0, SEEK_CUR) < 0)
		e->pos = NO_POS;
	if (e->pos == NO_POS && (e->flags & O_ACCMODE) != O_WRONLY)
		task_warn(
			p->task, probe_object(p),
			"its place in the stream of records is not known; after the restore it is read from the first record",
			"");
}

int reg_fill(struct dump *d, uint32_t id, const struct file_probe *p, RegFileEntry **ret)
{
	RegFileEntry *e = arena_msg(dump_arena(d), RegFileEntry, reg_file_entry);
	const char *text, *cure;
	int r;

	*ret = e;
	e->id = id;
	e->flags = p->info.flags & ~O_CLOEXEC;
	e->name = p->link.path;
	if (p->fd >= 0)
		collect_position(p, e);
	r = fown_collect(d, p, &e->fown);
	if (r < 0)
		return r;
	if (!p->link.reachable) {
		task_refuse(p->task, probe_object(p), "it lies outside of the tree's root", "");
		return 0;
	}
	if (p->fd >= 0 && e->flags & KERNEL_O_TMPFILE && p->stat.st_nlink)
		task_warn(p->task, probe_object(p),
			  "it was made without a name (O_TMPFILE) and has one now: after the "
			  "restore that flag is not shown any more",
			  "");
	if (!p->link.deleted && (text = inode_flags_forbid(p->attributes, e->flags, &cure)))
		task_refuse(p->task, probe_object(p), text, cure);
	r = remap_collect(d, p, e);
	return r < 0 ? r : validate_record(d, p, e);
}

static int reg_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	return ext_matches(p) ? ext_fill(d, f->entry->id, p, &f->entry->reg)
			      : reg_fill(d, f->entry->id, p, &f->entry->reg);
}

void reg_add(struct dump *d, RegFileEntry *e)
{
	struct dump_file *f = arena_new(dump_arena(d), struct dump_file);

	f->class = &reg_class;
	f->entry = arena_msg(dump_arena(d), FileEntry, file_entry);
	f->entry->id = e->id;
	f->entry->type = FD_TYPES__REG;
	f->entry->reg = e;
	arena_push(dump_arena(d), d->files, d->n_files, f);
}

static int reg_write(struct dump *d, struct dump_file *f)
{
	(void)f;
	return files_out_write(d);
}

/* --- restore: check ----------------------------------------------------------------------------- */

static const char *object_of(struct restore *r, const RegFileEntry *e)
{
	return arena_printf(restore_arena(r), "file %s", e->name);
}

static bool entry_is_sane(const struct restore_file *f)
{
	const RegFileEntry *e = f->entry->reg;

	if (!e || e->id != f->id || !e->fown || strlen(e->name) >= PATH_MAX)
		return false;
	return e->ext || e->name[0] == '/';
}

int reg_open_flags(const RegFileEntry *e)
{
	int flags = e->flags & ~FLAGS_DROPPED;

	/* Created without a name, and linked to one later. */
	if (flags & KERNEL_O_TMPFILE)
		flags &= ~O_TMPFILE;
	return flags | O_NOCTTY | O_CLOEXEC;
}

/*
 * Most files are compared by what stat tells, and that takes no descriptor: the root is the tool's
 * own, where names lead to the same with and without RESOLVE_IN_ROOT; only /proc has links that
 * openat2 is told not to follow. false: there is more to look at, or something to tell.
 */
static bool is_as_it_was(struct restore *r, const RegFileEntry *e, struct reg_plan *plan, int root)
{
	const char *text = NULL;
	struct stat st;

	if (validate_reads(r, e) || !strncmp(e->name, "/proc/", 6) ||
	    path_inode(root, e->name, &st, &plan->attributes) < 0 || S_ISLNK(st.st_mode) ||
	    validate_compare(r, e, -1, &st, &text) < 0 || text)
		return false;
	plan->seen = true;
	plan->dev = st.st_dev;
	plan->ino = st.st_ino;
	return true;
}

static int compare(struct restore *r, struct restore_file *f, struct reg_plan *plan, int root)
{
	const RegFileEntry *e = f->entry->reg;
	bool link = e->has_mode && S_ISLNK(e->mode);
	_cleanup_fd_ int fd = path_open(root, e->name, O_PATH | (link ? O_NOFOLLOW : 0), 0);
	const char *text;
	struct stat st;
	int ret;

	if (fd < 0) {
		report_refuse(&r->s->report, 0, object_of(r, e),
			      fd == -ENOENT || fd == -ENOTDIR
				      ? "is missing"
				      : arena_printf(restore_arena(r), "can't be reached: %s",
						     strerror(-fd)),
			      "bring it to the place where the program had it open");
		return 0;
	}
	if (inode_stat(fd, "", AT_EMPTY_PATH, &st, &plan->attributes) < 0)
		return err_sys(restore_err(r), "statx", "can't examine %s", e->name);
	ret = validate_compare(r, e, fd, &st, &text);
	if (ret == 0 && text)
		report_refuse(&r->s->report, 0, object_of(r, e),
			      arena_printf(restore_arena(r), "has changed: %s", text),
			      validate_cure(r, e, &st));
	plan->seen = true;
	plan->dev = st.st_dev;
	plan->ino = st.st_ino;
	return ret;
}

/* A file beside it may be written to: for root, so may this one. */
static bool has_writable_neighbour(const struct files_in *in, const RegFileEntry *e)
{
	size_t len = path_last(e->name) - e->name;

	return in->writable && in->writable_len == len && !memcmp(in->writable, e->name, len);
}

static void judge_access(struct restore *r, const RegFileEntry *e, uint64_t attributes,
			 struct files_in *in)
{
	bool writes = (e->flags & O_ACCMODE) != O_RDONLY;
	const char *cure, *text = inode_flags_forbid(attributes, e->flags, &cure);
	int ret;

	if (text) {
		report_refuse(&r->s->report, 0, object_of(r, e), text, cure);
		return;
	}
	if ((!writes || has_writable_neighbour(in, e)) && in->is_root)
		return;
	ret = path_may_open(in->root, e->name, reg_open_flags(e));
	if (ret == 0 && writes) {
		in->writable = e->name;
		in->writable_len = path_last(e->name) - e->name;
	}
	if (ret == 0)
		return;
	report_refuse(&r->s->report, 0, object_of(r, e),
		      arena_printf(restore_arena(r), "can't be opened for %s: %s",
				   writes ? "writing" : "reading", strerror(-ret)),
		      ret == -EROFS ? "mount its file system for writing"
				    : "run crtools restore as a user who may open it");
}

/* A process that has ended lives again, as a helper, until its files are open. */
static int check_dead_process(struct restore *r, struct restore_file *f)
{
	pid_t pid, tid;
	int ret;

	f->late = true;
	path_proc_ids(f->entry->reg->name, &pid, &tid);
	ret = restore_add_helper(r, pid);
	if (ret != -EEXIST)
		return ret;
	report_refuse(&r->s->report, 0, object_of(r, f->entry->reg),
		      "belongs to a process that had ended, and another one in the tree has its id",
		      "");
	return 0;
}

static int check_named(struct restore *r, struct restore_file *f, struct reg_plan *plan)
{
	pid_t pid, tid;
	struct files_in *in;
	struct remap_in *remap;
	int ret = files_in_of(r, &in);

	if (ret < 0)
		return ret;
	remap = remap_of(r, f->id);
	if (remap)
		return remap->type == REMAP_TYPE__PROCFS ? check_dead_process(r, f) : 0;
	if (path_proc_ids(f->entry->reg->name, &pid, &tid)) {
		f->late = hash_get(&r->task_by_pid, pid) != NULL;
		if (f->late && tid && tid != pid)
			report_refuse(
				&r->s->report, 0, object_of(r, f->entry->reg),
				"belongs to a thread, and threads come to life after descriptors do",
				"");
		if (f->late)
			return 0;
	}
	if (!is_as_it_was(r, f->entry->reg, plan, in->root))
		ret = compare(r, f, plan, in->root);
	if (ret == 0 && plan->seen)
		judge_access(r, f->entry->reg, plan->attributes, in);
	return ret;
}

static bool is_pty_path(const RegFileEntry *e)
{
	return !strncmp(e->name, "/dev/pts/", 9) && e->name[9] >= '0' && e->name[9] <= '9';
}

static int reg_check(struct restore *r, struct restore_file *f)
{
	struct reg_plan *plan = arena_new(restore_arena(r), struct reg_plan);
	const RegFileEntry *e = f->entry->reg;

	if (!entry_is_sane(f))
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "files.img: the entry of file %u makes no sense", f->id);
	f->priv = plan;
	plan->inherited = -1;
	plan->inherit = e->ext ? e->name : e->name + 1;
	if (fown_is_set(e->fown))
		fown_check(r, f, e->fown, object_of(r, e));
	if (restore_inherit_fd(r, plan->inherit) >= 0)
		return 0;
	plan->inherit = NULL;
	/* The path of a terminal, which is made anew before tasks are forked. */
	if (is_pty_path(e))
		return 0;
	if (e->name[0] != '/') {
		report_refuse(&r->s->report, 0, object_of(r, e), "came from outside of the tree",
			      arena_printf(restore_arena(r), "give --inherit-fd 'fd[N]:%s'",
					   e->name));
		return 0;
	}
	return check_named(r, f, plan);
}

/* --- restore -------------------------------------------------------------------------------------
 */

static int reg_prepare(struct restore *r, struct restore_file *f)
{
	struct reg_plan *plan = f->priv;

	if (plan->inherit) {
		plan->inherited = inherited_fd(r, plan->inherit);
		return plan->inherited < 0 ? plan->inherited : 0;
	}
	return remap_prepare(r);
}

static int dup_service(struct restore_task *t, int service, const char *name, int *ret_fd)
{
	*ret_fd = fcntl(service, F_DUPFD_CLOEXEC, 0);
	return *ret_fd < 0 ? err_sys(restore_err(t->r), "fcntl", "can't take over %s", name) : 0;
}

static int fail_open(struct restore_task *t, const RegFileEntry *e, int flags, int num)
{
	struct err *err = restore_err(t->r);

	if (num == ENOENT || num == ENOTDIR)
		return err_set(err, ERR_FILE_MISSING, num, "the file %s is not there any more",
			       e->name);
	if (num == ETXTBSY)
		return err_set(
			err, ERR_REFUSED, num,
			"the file %s, which is open for writing in the tree, is the program of "
			"a process by now: end that first (fuser -v shows it)",
			e->name);
	errno = num;
	return err_sys(err, "openat2", "can't open %s with flags 0%o", e->name, flags);
}

static int open_named(struct restore_task *t, struct restore_file *f, int root, int *ret_fd)
{
	const RegFileEntry *e = f->entry->reg;
	const struct reg_plan *plan = f->priv;
	int flags = (reg_open_flags(e) & ~O_CLOEXEC) | restore_cloexec(t, f, O_CLOEXEC);
	_cleanup_fd_ int fd = path_open_as(root, e->name, flags, 0);
	struct stat st;

	if (fd < 0)
		return fail_open(t, e, flags, -fd);
	if (plan->seen && (fstat(fd, &st) < 0 || st.st_dev != plan->dev || st.st_ino != plan->ino))
		return err_set(restore_err(t->r), ERR_FILE_CHANGED, ESTALE,
			       "the file %s was replaced while the tree was being restored",
			       e->name);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int set_position(struct restore_task *t, const RegFileEntry *e, int fd)
{
	if (e->flags & O_PATH || e->pos == NO_POS)
		return 0;
	if (!e->pos && !remap_of(t->r, e->id)) /* it was opened just now */
		return 0;
	if (lseek(fd, e->pos, SEEK_SET) < 0 && (e->pos || errno != ESPIPE))
		return err_sys(restore_err(t->r), "lseek", "can't set the position of %s to %llu",
			       e->name, (unsigned long long)e->pos);
	return 0;
}

/* The description that prepare has opened; or, for a mapping or a directory that the task is in (an
 * entry with flags of its own, restore_open_by_id), one more of the same file. */
static int open_remapped(struct restore_task *t, struct restore_file *f,
			 const struct remap_in *remap, int *ret_fd)
{
	const RegFileEntry *e = f->entry->reg;

	if (e->flags == remap->file->entry->reg->flags)
		return dup_service(t, remap->service, e->name, ret_fd);
	*ret_fd = fd_reopen(remap->service, reg_open_flags(e) & ~O_NOFOLLOW);
	return *ret_fd < 0 ? fail_open(t, e, reg_open_flags(e), -*ret_fd) : 0;
}

static int reg_open(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	const RegFileEntry *e = f->entry->reg;
	const struct reg_plan *plan = f->priv;
	_cleanup_fd_ int fd = -1;
	struct files_in *in;
	struct remap_in *remap;
	int ret;

	if (plan->inherited >= 0)
		return dup_service(t, plan->inherited, e->name, ret_fd);
	ret = files_in_of(t->r, &in);
	if (ret < 0)
		return ret;
	remap = remap_of(t->r, f->id);
	if (remap && remap->service >= 0)
		ret = open_remapped(t, f, remap, &fd);
	else
		ret = open_named(t, f, in->root, &fd);
	if (ret == 0)
		ret = set_position(t, e, fd);
	if (ret == 0)
		*ret_fd = TAKE_FD(fd);
	return ret;
}

int reg_open_path(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	const struct reg_plan *plan = f->priv;
	struct remap_in *remap = remap_of(t->r, f->id);
	struct files_in *in;
	int ret = files_in_of(t->r, &in);

	if (ret < 0)
		return ret;
	if (plan->inherited >= 0)
		return dup_service(t, plan->inherited, f->entry->reg->name, ret_fd);
	if (remap && remap->service >= 0)
		return dup_service(t, remap->service, f->entry->reg->name, ret_fd);
	*ret_fd = path_open(in->root, f->entry->reg->name, O_PATH, 0);
	return *ret_fd < 0 ? fail_open(t, f->entry->reg, O_PATH, -*ret_fd) : 0;
}

static int reg_attach(struct restore_task *t, struct restore_file *f, int fd)
{
	const struct reg_plan *plan = f->priv;

	/* What was inherited is shared with whoever gave it: its flags are theirs. */
	if (plan->inherited >= 0)
		return 0;
	return fown_attach(t, f, f->entry->reg->fown, f->entry->reg->flags, fd);
}

const struct file_class reg_class = {
	.name = "reg",
	.type = FD_TYPES__REG,
	.match = reg_match,
	.collect = reg_collect,
	.write = reg_write,
	.check = reg_check,
	.prepare = reg_prepare,
	.open = reg_open,
	.attach = reg_attach,
	.finish = remap_finish,
};
