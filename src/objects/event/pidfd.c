/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pidfd_open(2), CLONE_PIDFD: a descriptor of a process, living, ended, or ended and reaped. fdinfo
 * shows its id ("Pid:", -1 once it is reaped), the flags PIDFD_NONBLOCK (O_NONBLOCK) and
 * PIDFD_THREAD (O_EXCL, Linux 6.9).
 *
 * Kept: of a process of the tree, zombies included, opened when all are born. Of a reaped one: all
 * descriptors of one such process have one inode where pidfs gives each process its own
 * (Linux 6.9); they are opened together, of a child that ends at once and is reaped then. Without
 * pidfs nobody can tell which of them belong together.
 *
 * A thread that is no leader does not exist before its process' program runs: its descriptors lead
 * to the leader until then, and are exchanged by that program. So they have to be that process'
 * own, and what else knows the description (an epoll) would know the wrong one.
 *
 * Refused: a process outside of the tree, which may be another one by the restore. What
 * PIDFD_GET_INFO keeps of a reaped process (its exit code, Linux 6.15) is not kept.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "kernel/child.h"
#include "objects/event/event.h"
#include "objects/restored.h"

#define THREAD_FLAG O_EXCL /* PIDFD_THREAD */
#define OPEN_FLAGS  (O_NONBLOCK | THREAD_FLAG)
#define GONE	    (-1)

/* --- dump ----------------------------------------------------------------------------------------
 */

static bool pidfd_match(const struct file_probe *p)
{
	return event_is(p, "[pidfd]") ||
	       (p->fd >= 0 && !(p->info.flags & O_PATH) && !strncmp(p->link.path, "pidfd:[", 7));
}

/* dump_file.priv, of a thread that is no leader */
struct of_thread {
	struct dump_task *process;
	struct dump_task *task; /* by whose descriptor it was found */
	const char *object;
	pid_t vtid;
};

static pid_t note_thread(struct dump *d, struct dump_file *f, const struct file_probe *p,
			 struct dump_task *process, pid_t vtid)
{
	struct of_thread *x = arena_new(dump_arena(d), struct of_thread);

	*x = (struct of_thread){ process, p->task, probe_object(p), vtid };
	f->priv = x;
	return vtid;
}

/* The process' id in the tree; GONE: it is reaped; 0: it is refused. */
static pid_t target_of(struct dump *d, struct dump_file *f, const struct file_probe *p, pid_t pid)
{
	if (pid == GONE)
		return GONE;
	for (size_t i = 0; i < d->n_tasks; i++) {
		struct dump_task *t = d->tasks[i];

		if (t->stop->pid == pid)
			return t->vpid;
		for (size_t k = 1; k < t->n_threads; k++)
			if (t->threads[k].stop->tid == pid)
				return note_thread(d, f, p, t, t->threads[k].vtid);
	}
	task_refuse(p->task, probe_object(p),
		    arena_printf(dump_arena(d), "is of process %d, outside of the tree", pid),
		    "close it, or dump a tree that holds that process");
	return 0;
}

/* "Pid:\t-1" has no place in a number without a sign. */
static int read_pid(struct dump *d, const struct file_probe *p, pid_t *ret)
{
	const char *line = strstr(p->info.text, "Pid:");

	if (!line || (line != p->info.text && line[-1] != '\n') || sscanf(line + 4, "%d", ret) != 1)
		return err_set(dump_err(d), ERR_KERNEL, EBADMSG, "fdinfo of %s shows no Pid",
			       probe_object(p));
	return 0;
}

static int pidfd_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	PidfdEntry *e = arena_msg(dump_arena(d), PidfdEntry, pidfd_entry);
	pid_t pid;
	int ret = read_pid(d, p, &pid);

	if (ret < 0)
		return ret;
	f->entry->pidfd = e;
	e->id = f->entry->id;
	e->ino = p->stat.st_ino;
	e->flags = p->info.flags & ~(O_CLOEXEC | O_ACCMODE);
	e->nspid = target_of(d, f, p, pid);
	return fown_collect(d, p, &e->fown);
}

static bool has_file(const struct dump_table *table, uint32_t id)
{
	for (size_t i = 0; table && i < table->n_fds; i++)
		if (table->fds[i]->id == id)
			return true;
	return false;
}

/* Which is of the process' table, and of no other. */
static bool is_its_own(const struct dump *d, const struct of_thread *x, uint32_t id)
{
	bool own = x->process->table && x->process->table->owner == x->process &&
		   has_file(x->process->table, id);

	for (size_t i = 0; own && i < d->n_tasks; i++)
		own = d->tasks[i] == x->process || !has_file(d->tasks[i]->table, id);
	return own;
}

/* By the inode, which is the thread's. */
static bool is_watched(const struct dump *d, uint64_t ino)
{
	for (size_t i = 0; i < d->n_files; i++) {
		const EventpollFileEntry *e = d->files[i]->entry->epfd;

		for (size_t k = 0; e && k < e->n_tfd; k++)
			if (e->tfd[k]->has_inode && e->tfd[k]->inode == ino)
				return true;
	}
	return false;
}

static int pidfd_relate(struct dump *d, struct dump_file *f)
{
	const PidfdEntry *e = f->entry->pidfd;
	const struct of_thread *x = f->priv;
	const char *why = NULL;

	if (!x)
		return 0;
	if (!is_its_own(d, x, f->entry->id))
		why = "and the descriptor is not that process' alone";
	else if (is_watched(d, e->ino))
		why = "and an epoll watches it";
	else if (e->fown->pid || e->fown->signum)
		why = "and has an owner of signals";
	if (why)
		task_refuse(
			x->task, x->object,
			arena_printf(dump_arena(d),
				     "is of thread %d of process %d, which is not its leader, %s",
				     x->vtid, x->process->vpid, why),
			"close it before the dump");
	return 0;
}

/* --- restore
 * --------------------------------------------------------------------------------------- */

/* A process that was reaped: all descriptors of it, opened one after the other by one task. */
struct gone {
	struct restore_file *first;
	size_t n, n_open;
	pid_t child; /* stands for it until the last one is open */
};

static int join_gone(struct restore *r, struct restore_file *f)
{
	struct hash *by_ino = r->priv[SLOT_PIDFD];
	struct gone *g;

	if (!by_ino)
		by_ino = r->priv[SLOT_PIDFD] = arena_new(restore_arena(r), struct hash);
	g = hash_get(by_ino, f->entry->pidfd->ino);
	if (!g) {
		g = arena_new(restore_arena(r), struct gone);
		*g = (struct gone){ .first = f };
		hash_put(by_ino, f->entry->pidfd->ino, g);
	} else {
		restore_group(r, g->first, f);
	}
	g->n++;
	f->priv = g;
	return 0;
}

/* The process of a thread that is no leader, whose own the descriptor is; NULL: no such thread. */
static struct restore_task *thread_of(const struct restore *r, const struct restore_file *f)
{
	const PidfdEntry *e = f->entry->pidfd;
	struct restore_task *t = hash_get(&r->thread_ids, e->nspid);

	if (!t || t->vpid == e->nspid || !(e->flags & THREAD_FLAG) || t->table->owner != t)
		return NULL;
	for (size_t i = 0; i < t->table->n_fds; i++)
		if (t->table->fds[i].file == f)
			return t;
	return NULL;
}

static int pidfd_check(struct restore *r, struct restore_file *f)
{
	const PidfdEntry *e = f->entry->pidfd;
	int ret = event_check(r, f, e, e ? e->id : 0, e ? e->fown : NULL);

	if (ret < 0)
		return ret;
	f->late = true;
	if (e->flags & THREAD_FLAG)
		restored_need(r, 0, FEATURE_PIDFD_THREAD,
			      arena_printf(restore_arena(r), "pidfd %u", f->id),
			      "is of a thread (PIDFD_THREAD), which this kernel does not know");
	if (e->nspid == GONE)
		return join_gone(r, f);
	if (e->nspid > 0 && thread_of(r, f))
		return 0;
	if (e->nspid <= 0 || !hash_get(&r->task_by_pid, e->nspid))
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, ESRCH,
			       "files.img: pidfd %u is of process %d, which is not in the images",
			       f->id, e->nspid);
	return 0;
}

static int open_pid(struct restore_task *t, const struct restore_file *f, pid_t pid, int *ret_fd)
{
	const PidfdEntry *e = f->entry->pidfd;
	int fd = syscall(SYS_pidfd_open, pid, e->flags & OPEN_FLAGS);

	if (fd < 0)
		return err_sys(restore_err(t->r), "pidfd_open",
			       "can't open pidfd %u of process %d with the flags 0%o", f->id, pid,
			       e->flags & OPEN_FLAGS);
	*ret_fd = fd;
	return 0;
}

/* No signal tells its parent of its end: it was never the program's. */
static int make_gone(struct restore_task *t, struct gone *g)
{
	g->child = syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
	if (g->child == 0) {
		fault_hold("helper-gone");
		_exit(0);
	}
	if (g->child < 0)
		return err_sys(restore_err(t->r), "clone",
			       "can't make a process that stands for one that has ended");
	return 0;
}

static int open_gone(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	struct gone *g = f->priv;
	int ret = g->n_open ? 0 : make_gone(t, g);

	if (ret == 0)
		ret = open_pid(t, f, g->child, ret_fd);
	if (ret == 0 && ++g->n_open < g->n)
		return 0;
	if (g->child > 0 &&
	    child_wait(g->child, child_limit(t->r->s->opts->timeout), NULL) == -ETIMEDOUT) {
		child_kill(g->child);
		ret = err_set(restore_err(t->r), ERR_TIMEOUT, ETIMEDOUT,
			      "process %d of crtools, which stands for one that has ended, has not "
			      "ended within %u s (is it stopped?)",
			      g->child, t->r->s->opts->timeout);
	}
	g->child = 0;
	return ret;
}

static int pidfd_open_file(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	const PidfdEntry *e = f->entry->pidfd;

	if (e->nspid == GONE)
		return open_gone(t, f, ret_fd);
	return open_pid(t, f, thread_of(t->r, f) ? t->vpid : e->nspid, ret_fd);
}

static int pidfd_attach(struct restore_task *t, struct restore_file *f, int fd)
{
	return fown_attach(t, f, f->entry->pidfd->fown, f->entry->pidfd->flags, fd);
}

/* Under all of its numbers. */
static void exchange(struct restore_task *t, const struct restore_file *f)
{
	const PidfdEntry *e = f->entry->pidfd;
	struct program *p = t->threads[0].prog;
	call_id fd;

	program_stage(p, STAGE_THREAD);
	program_note(p, "pidfd of thread %d", e->nspid);
	fd = program_do(p, SYS_pidfd_open, IMM(e->nspid), IMM(e->flags & OPEN_FLAGS));
	for (size_t i = 0; i < t->table->n_fds; i++) {
		const struct restore_fd *x = &t->table->fds[i];

		if (x->file == f)
			program_want(p,
				     program_call(p, SYS_dup3, RESULT(fd), IMM(x->e->fd),
						  IMM(x->e->flags & FD_CLOEXEC ? O_CLOEXEC : 0)),
				     x->e->fd);
	}
	program_do(p, SYS_close, RESULT(fd));
}

static int emit(struct restore_task *t)
{
	for (size_t i = 0; t->table && t->table->owner == t && i < t->table->n_fds; i++) {
		const struct restore_file *f = t->table->fds[i].file;
		bool first = f->entry->type == FD_TYPES__PIDFD && thread_of(t->r, f) == t;

		for (size_t k = 0; first && k < i; k++)
			first = t->table->fds[k].file != f;
		if (first)
			exchange(t, f);
	}
	return 0;
}

/* Of threads that are no leaders. */
const struct state_class pidfd_state = {
	.name = "pidfds of threads",
	.emit = emit,
};

const struct file_class pidfd_class = {
	.name = "pidfd",
	.type = FD_TYPES__PIDFD,
	.match = pidfd_match,
	.collect = pidfd_collect,
	.relate = pidfd_relate,
	.check = pidfd_check,
	.open = pidfd_open_file,
	.attach = pidfd_attach,
};
