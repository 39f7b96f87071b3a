/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks and leases on files: flock(2), POSIX and open-file-description locks of fcntl(2),
 * F_SETLEASE. They may be on a file of any kind that has an inode, so this is asked of each
 * descriptor and not of a class. Kept with --file-locks; without it each is a reason against the
 * dump, as with CRIU. Delegations are the kernel's own (NFS) and are refused.
 *
 * fdinfo shows a lock beside the description by which it was taken (fs/locks.c, __show_fd_locks()),
 * a POSIX one only to the descriptor table that owns it. So each descriptor of each table is asked,
 * and not only the first one that is met of a description. The kernel also remembers which process
 * took it: of those that have the description in the tree, that one takes it again.
 *
 * A POSIX lock is lost as soon as its table closes any descriptor of the file. So the calls are in
 * the restored task's program, behind the one that closes what was the tool's.
 *
 * Leases: one that is being broken shows the type that it is broken to (target_leasetype()). It is
 * taken again and broken again, by an open(2) that does not wait; meanwhile the description has no
 * owner, so that nobody gets the signal a second time. The time that the holder had left starts
 * anew. What it was before it was broken to F_UNLCK is not shown: of a description that can't write
 * a lease for reading is assumed, which a reader's open does not have to wait for.
 *
 * Who waits for a lock (F_SETLKW, flock, open) does so again: its call is restarted.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>

#include "image/reader.h"
#include "image/writer.h"
#include "objects/file/file.h"

/* file_lock_entry.flag: the kernel's FL_ numbers (include/linux/filelock.h) */
enum lock_flag {
	FLAG_POSIX = 1,
	FLAG_FLOCK = 2,
	FLAG_OFD = 4,
	FLAG_LEASE = 8,
};
#define BREAKING 4 /* in the type of a lease */

static const char *const names[] = {
	[LOCK_KIND_FLOCK] = "a lock by flock(2)",
	[LOCK_KIND_POSIX] = "a POSIX lock",
	[LOCK_KIND_OFD] = "a lock of the open file description",
	[LOCK_KIND_LEASE] = "a lease",
	[LOCK_KIND_DELEG] = "a delegation",
};

/* --- dump ----------------------------------------------------------------------------------------
 */

/* One lock, and whether the descriptor in its entry is one of the process that took it. */
struct lock_out {
	FileLockEntry *e;
	uint32_t file_id, table_id; /* table_id 0: the lock is the description's */
	bool by_taker;
	struct lock_out *next; /* of the same file */
};

struct locks_out {
	struct hash by_file;
	FileLockEntry **entries;
	size_t n;
};

static void locks_out_drop(void *data)
{
	hash_free(&((struct locks_out *)data)->by_file);
}

static struct locks_out *locks_out_of(struct dump *d)
{
	struct locks_out *out = d->priv[SLOT_LOCKS];

	if (!out) {
		out = d->priv[SLOT_LOCKS] = arena_new(dump_arena(d), struct locks_out);
		undo_push(&d->s->undo, locks_out_drop, out);
	}
	return out;
}

static void fill(const struct proc_lock *lock, FileLockEntry *e)
{
	static const enum lock_flag flags[] = {
		[LOCK_KIND_FLOCK] = FLAG_FLOCK,
		[LOCK_KIND_POSIX] = FLAG_POSIX,
		[LOCK_KIND_OFD] = FLAG_OFD,
		[LOCK_KIND_LEASE] = FLAG_LEASE,
	};
	static const int types[] = {
		[LOCK_HOW_READ] = F_RDLCK,
		[LOCK_HOW_WRITE] = F_WRLCK,
		[LOCK_HOW_UNLOCK] = F_UNLCK,
	};

	e->flag = flags[lock->kind];
	e->type = types[lock->how];
	if (lock->breaking)
		e->type |= BREAKING;
	e->start = lock->start;
	e->len = lock->end < 0 ? 0 : lock->end - lock->start + 1;
}

static bool is_same(const FileLockEntry *a, const FileLockEntry *b)
{
	return a->flag == b->flag && a->type == b->type && a->start == b->start && a->len == b->len;
}

static void keep(const struct file_probe *p, uint32_t file_id, const struct proc_lock *lock)
{
	struct dump *d = p->task->dump;
	struct locks_out *out = locks_out_of(d);
	struct lock_out *first = hash_get(&out->by_file, file_id), *l;
	FileLockEntry *e = arena_msg(dump_arena(d), FileLockEntry, file_lock_entry);
	uint32_t table_id = lock->kind == LOCK_KIND_POSIX ? p->task->table->id : 0;
	bool by_taker = p->task->stop->pid == lock->pid;

	fill(lock, e);
	for (l = first; l; l = l->next)
		if (l->table_id == table_id && is_same(l->e, e))
			break;
	if (l && (l->by_taker || !by_taker))
		return;
	if (!l) {
		l = arena_new(dump_arena(d), struct lock_out);
		*l = (struct lock_out){ e, file_id, table_id, .next = first };
		hash_put(&out->by_file, file_id, l);
		arena_push(dump_arena(d), out->entries, out->n, e);
	}
	l->by_taker = by_taker;
	l->e->pid = p->task->vpid;
	l->e->fd = p->fd;
}

static void refuse(const struct file_probe *p, const char *what)
{
	task_refuse(p->task, probe_object(p),
		    arena_printf(dump_arena(p->task->dump), "holds %s", what),
		    "keep locks with --file-locks, or have it released before the dump");
}

void file_locks_collect(const struct file_probe *p, uint32_t file_id)
{
	const char *key, *value;
	size_t pos = 0, key_len, value_len;
	struct proc_lock lock;

	while (proc_next_line(p->info.text, p->info.text_len, &pos, &key, &key_len, &value,
			      &value_len)) {
		if (key_len != strlen("lock") || memcmp(key, "lock", key_len) != 0)
			continue;
		if (proc_lock_parse(value, value_len, &lock) < 0)
			task_refuse(p->task, probe_object(p), "holds a lock of an unknown kind",
				    "have it released before the dump");
		else if (lock.kind == LOCK_KIND_DELEG || lock.mandatory)
			task_refuse(p->task, probe_object(p),
				    lock.mandatory ? "holds a mandatory lock"
						   : "holds a delegation",
				    "have it released before the dump");
		else if (p->task->in_flight)
			task_refuse(p->task, probe_object(p),
				    "holds a lock, and is in flight in a unix socket",
				    "have it received or the lock released before the dump");
		else if (!p->task->dump->s->opts->file_locks)
			refuse(p, names[lock.kind]);
		else if (!lock.broken) /* that one is who waits */
			keep(p, file_id, &lock);
	}
}

static int locks_write(struct dump *d)
{
	struct locks_out *out = d->priv[SLOT_LOCKS];

	return out ? image_write_all(d->s->images, IMAGE_FILE_LOCKS, 0, (void **)out->entries,
				     out->n, dump_err(d))
		   : 0;
}

/* --- restore
 * --------------------------------------------------------------------------------------- */

/* What one task has to take. */
struct task_locks {
	FileLockEntry **entries;
	size_t n;
};

static const struct restore_fd *find_fd(const struct restore_task *t, int fd)
{
	for (size_t i = 0; t->table && i < t->table->n_fds; i++)
		if ((int)t->table->fds[i].e->fd == fd)
			return &t->table->fds[i];
	return NULL;
}

static bool makes_sense(const FileLockEntry *e)
{
	unsigned type = e->type & ~BREAKING;

	if (e->start < 0 || e->len < 0 || e->start > INT64_MAX - e->len)
		return false;
	switch (e->flag) {
	case FLAG_LEASE:
		return type <= F_UNLCK && (type != F_UNLCK || e->type & BREAKING) &&
		       e->type != (F_WRLCK | BREAKING);
	case FLAG_POSIX:
	case FLAG_FLOCK:
	case FLAG_OFD:
		return e->type == F_RDLCK || e->type == F_WRLCK;
	default:
		return false;
	}
}

static int take_entry(struct restore *r, FileLockEntry *e)
{
	struct restore_task *t = hash_get(&r->task_by_pid, (uint32_t)e->pid);
	struct task_locks *locks;

	if (!makes_sense(e))
		return err_set(
			restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			"filelocks.img: the lock of process %d by descriptor %d has flag %u, "
			"type %u, start %lld, length %lld, which makes no sense",
			e->pid, e->fd, e->flag, e->type, (long long)e->start, (long long)e->len);
	if (!t || t->zombie || t->helper || !find_fd(t, e->fd))
		return err_set(
			restore_err(r), ERR_IMAGE_CORRUPT, ENOENT,
			"filelocks.img: process %d, descriptor %d, which holds a lock, is not "
			"in the images",
			e->pid, e->fd);
	locks = t->priv[SLOT_LOCKS];
	if (!locks)
		locks = t->priv[SLOT_LOCKS] = arena_new(restore_arena(r), struct task_locks);
	arena_push(restore_arena(r), locks->entries, locks->n, e);
	return 0;
}

/* All of the image are read with the root. */
static int locks_check(struct restore_task *t)
{
	struct restore *r = t->r;
	FileLockEntry **entries;
	size_t n;
	int ret;

	if (t != r->root)
		return 0;
	ret = image_read_all(r->s->images, IMAGE_FILE_LOCKS, 0, restore_arena(r), restore_err(r),
			     &entries, &n);
	for (size_t i = 0; ret == 0 && i < n; i++)
		ret = take_entry(r, entries[i]);
	return ret;
}

static void emit_flock(struct program *p, const FileLockEntry *e)
{
	int op = e->type == F_RDLCK ? LOCK_SH : LOCK_EX;

	program_do(p, SYS_flock, IMM(e->fd), IMM(op | LOCK_NB));
}

static void emit_range(struct program *p, const FileLockEntry *e)
{
	struct flock lock = {
		.l_type = e->type, .l_whence = SEEK_SET, .l_start = e->start, .l_len = e->len
	};

	program_do(p, SYS_fcntl, IMM(e->fd), IMM(e->flag == FLAG_OFD ? F_OFD_SETLK : F_SETLK),
		   AREA(area_put(p->area, &lock, sizeof(lock))));
}

/* The owner of the description's signals, put aside while a lease is broken. */
static void emit_break(struct program *p, const FileLockEntry *e)
{
	bool to_read = (e->type & ~BREAKING) == F_RDLCK;
	struct f_owner_ex nobody = { F_OWNER_PID, 0 };
	uint64_t owner = area_reserve(p->area, sizeof(nobody)), path;
	char name[FD_PATH_SIZE];

	fd_path(e->fd, name);
	path = area_put(p->area, name, strlen(name) + 1);
	program_do(p, SYS_fcntl, IMM(e->fd), IMM(F_GETOWN_EX), AREA(owner));
	program_do(p, SYS_fcntl, IMM(e->fd), IMM(F_SETOWN_EX),
		   AREA(area_put(p->area, &nobody, sizeof(nobody))));
	program_want(p,
		     program_call(p, SYS_openat, IMM(AT_FDCWD), AREA(path),
				  IMM((to_read ? O_RDONLY : O_WRONLY) | O_NONBLOCK | O_CLOEXEC)),
		     -EWOULDBLOCK);
	program_do(p, SYS_fcntl, IMM(e->fd), IMM(F_SETOWN_EX), AREA(owner));
}

static void emit_lease(struct restore_task *t, struct program *p, const FileLockEntry *e)
{
	const struct restore_fd *fd = find_fd(t, e->fd);
	const RegFileEntry *reg = fd->file->entry->reg;
	bool reads = reg && (reg->flags & O_ACCMODE) == O_RDONLY;
	int type = e->type;

	if (e->type & BREAKING)
		type = e->type == (F_UNLCK | BREAKING) && reads ? F_RDLCK : F_WRLCK;
	program_do(p, SYS_fcntl, IMM(e->fd), IMM(F_SETLEASE), IMM(type));
	if (e->type & BREAKING)
		emit_break(p, e);
}

static int locks_emit(struct restore_task *t)
{
	struct task_locks *locks = t->priv[SLOT_LOCKS];
	struct program *p = t->threads[0].prog;

	if (!locks)
		return 0;
	program_stage(p, STAGE_TASK); /* behind STAGE_FILES, where the tool's descriptors go */
	for (size_t i = 0; i < locks->n; i++) {
		const FileLockEntry *e = locks->entries[i];
		const RegFileEntry *reg = find_fd(t, e->fd)->file->entry->reg;

		program_note(p, "lock on %s (descriptor %d); does another hold it?",
			     reg ? reg->name : "a file", e->fd);
		if (e->flag == FLAG_FLOCK)
			emit_flock(p, e);
		else if (e->flag == FLAG_LEASE)
			emit_lease(t, p, e);
		else
			emit_range(p, e);
	}
	return 0;
}

const struct state_class locks_state = {
	.name = "file locks",
	.write = locks_write,
	.check = locks_check,
	.emit = locks_emit,
};
