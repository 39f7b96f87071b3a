/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX message queues (mq_overview(7)).
 *
 * A queue that has a name is no part of the tree but of the machine, as a file is: it outlives its
 * users, and stays with its messages where it is. It is opened again by its name. One that is not
 * there any more, after a reboot or on another machine, is made anew, empty.
 *
 * One whose name was removed (mq_unlink) ends with its last descriptor: so it is saved with its
 * messages (mqueue_messages.c), and made anew without a name. Its descriptions have one owner,
 * which makes it for all of them. That somebody outside of the tree has it as well, can't be seen.
 *
 * What reads as "QSIZE: … NOTIFY: …" from the descriptor tells who is to be notified (ipc/mqueue.c,
 * mqueue_read_file()); the value that goes along is not shown. The kernel takes a registration back
 * when the process closes any descriptor of the queue: so it is made when all is in its place.
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/proc/fd.h"
#include "objects/ipc/ipc.h"

#define MQUEUE_MAGIC 0x19800202
/* mq_open() marks its descriptors close-on-exec by itself, and keeps the flag if it is given. */
#define STATUS_FLAGS (O_ACCMODE | O_NONBLOCK | O_APPEND | O_CLOEXEC)
#define MODE_BITS    07777

/* --- dump ----------------------------------------------------------------------------------------
 */

static bool mqueue_match(const struct file_probe *p)
{
	return p->fd >= 0 && p->fs_magic == MQUEUE_MAGIC && S_ISREG(p->stat.st_mode) &&
	       !(p->info.flags & O_PATH);
}

/* Of its own, whatever the program's may do. */
static int reopen(int fd, int flags)
{
	char name[32];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return open(name, flags | O_CLOEXEC);
}

struct status {
	int kind, signal;
	pid_t pid; /* 0: nobody is notified */
};

static void read_status(int fd, struct status *ret)
{
	_cleanup_fd_ int own = reopen(fd, O_RDONLY);
	char text[128] = "";

	*ret = (struct status){ 0 };
	if (own >= 0 && read(own, text, sizeof(text) - 1) > 0)
		sscanf(text, "QSIZE:%*d NOTIFY:%d SIGNO:%d NOTIFY_PID:%d", &ret->kind, &ret->signal,
		       &ret->pid);
}

static void collect_notification(struct dump *d, const struct file_probe *p, CrtoolsMqueue *e)
{
	struct status s;
	pid_t vpid;

	read_status(probe_local(p), &s);
	vpid = s.pid ? dump_vpid(d, s.pid) : 0;
	if (!vpid)
		return;
	if (s.kind == SIGEV_THREAD) {
		task_refuse(p->task, probe_object(p),
			    "is a message queue that starts a thread when a message comes, and "
			    "which, the kernel does not show",
			    "have the program end that (mq_notify) before the dump");
		return;
	}
	e->has_notify_pid = e->has_notify_kind = e->has_notify_signal = true;
	e->notify_pid = vpid;
	e->notify_kind = s.kind;
	e->notify_signal = s.signal;
	if (s.kind == SIGEV_SIGNAL)
		task_warn(p->task, probe_object(p),
			  "is a message queue that notifies by a signal; the value that comes with "
			  "it is not known, and 0 afterwards",
			  "");
}

/* Where its name leads to another, it is of another ipc namespace. */
static void check_name(const struct file_probe *p, const char *name)
{
	_cleanup_fd_ int fd = syscall(SYS_mq_open, name + 1, O_RDONLY | O_CLOEXEC, 0, NULL);
	struct stat st;

	if (fd < 0 && errno == EACCES)
		return;
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_ino != p->stat.st_ino ||
	    st.st_dev != p->stat.st_dev)
		task_refuse(p->task, probe_object(p),
			    "is a message queue of another ipc namespace than the tool's",
			    "close it before the dump");
}

static void judge_messages(const struct file_probe *p, const CrtoolsMqueue *e)
{
	if (!e->removed || !e->waiting)
		return;
	if (e->max_messages * e->message_size > MQUEUE_BYTES_MAX)
		task_refuse(p->task, probe_object(p),
			    "is a removed message queue whose messages may be larger than 32 MiB",
			    "have them received before the dump");
	/* To look at the only message takes it out, and the next that is sent is told. */
	if (e->notify_pid)
		task_refuse(p->task, probe_object(p),
			    "is a removed message queue with messages, and notifies a process",
			    "have them received before the dump");
}

/* One whose messages are to be copied: dump_file.priv. */
struct mqueue_out {
	CrtoolsMqueue *e;
	const char *object;
	int fd; /* -1: they are not, or another description of the queue has it */
};

static void close_out(void *data)
{
	struct mqueue_out *m = data;

	close_fd(&m->fd);
}

static struct mqueue_out *mqueue_out(struct dump *d, const struct file_probe *p, CrtoolsMqueue *e)
{
	struct mqueue_out *m = arena_new(dump_arena(d), struct mqueue_out);
	struct hash *seen = d->priv[SLOT_MQUEUE];

	*m = (struct mqueue_out){ .e = e, .object = probe_object(p), .fd = -1 };
	if (!seen) {
		seen = d->priv[SLOT_MQUEUE] = arena_new(dump_arena(d), struct hash);
		session_own_hash(d->s, seen);
	}
	if (d->examining || !e->removed || !e->waiting || hash_get(seen, e->inode))
		return m;
	hash_put(seen, e->inode, m);
	m->fd = reopen(probe_local(p), O_RDWR | O_NONBLOCK);
	undo_push(&d->s->undo, close_out, m);
	return m;
}

static int64_t nanoseconds(struct timespec t)
{
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int mqueue_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	CrtoolsMqueue *e = arena_msg(dump_arena(d), CrtoolsMqueue, crtools_mqueue);
	struct mq_attr attr;

	if (syscall(SYS_mq_getsetattr, probe_local(p), NULL, &attr) < 0)
		return err_sys(dump_err(d), "mq_getsetattr", "can't read the attributes of %s",
			       probe_object(p));
	e->has_id = e->has_inode = e->has_flags = e->has_removed = e->has_mode = true;
	e->has_uid = e->has_gid = e->has_max_messages = e->has_message_size = e->has_waiting = true;
	e->id = f->entry->id;
	e->inode = p->stat.st_ino;
	e->flags = fcntl(probe_local(p), F_GETFL);
	e->has_pos = true;
	e->pos = p->info.pos;
	e->name = (char *)p->link.path;
	e->removed = p->link.deleted && !p->stat.st_nlink;
	e->mode = p->stat.st_mode & MODE_BITS;
	e->uid = p->stat.st_uid;
	e->gid = p->stat.st_gid;
	e->has_atime = e->has_mtime = true;
	e->atime = nanoseconds(p->stat.st_atim);
	e->mtime = nanoseconds(p->stat.st_mtim);
	e->max_messages = attr.mq_maxmsg;
	e->message_size = attr.mq_msgsize;
	e->waiting = attr.mq_curmsgs;
	collect_notification(d, p, e);
	if (!e->removed)
		check_name(p, e->name);
	judge_messages(p, e);
	extras_add(d)->mqueue = e;
	f->priv = mqueue_out(d, p, e);
	return fown_collect(d, p, &e->fown);
}

/* Once an inode. */
static int mqueue_write(struct dump *d, struct dump_file *f)
{
	struct mqueue_out *m = f->priv;

	return m->fd < 0 ? 0 : mqueue_messages_copy(d, m->fd, m->e, m->object);
}

/* --- restore -------------------------------------------------------------------------------------
 */

struct member {
	const struct restore_file *file;
	int fd; /* opened, and not handed out yet; -1 */
};

/* All descriptions of a queue: restore_file.priv. */
struct mqueue_in {
	struct member *members;
	size_t n_members;
	const CrtoolsMqueue *e; /* of the description that has its messages */
	struct restore_file *first;
	bool missing; /* it had a name, which leads nowhere */
	bool told;    /* in the task that is notified */
	bool made;    /* in the task that opens all of them */
};

static const char *object_of(struct restore *r, const struct restore_file *f)
{
	return arena_printf(restore_arena(r), "message queue %u", f->id);
}

static const CrtoolsMqueue *entry_of(struct restore *r, const struct restore_file *f)
{
	const CrtoolsFileEntry *x = extras_own(r, f->id);

	return x ? x->mqueue : NULL;
}

static bool is_sane(const CrtoolsMqueue *e)
{
	if (!e || !e->fown || !e->name || e->name[0] != '/' || strchr(e->name + 1, '/') ||
	    !e->name[1] || e->n_message > e->max_messages || e->max_messages > INT32_MAX ||
	    e->pos > INT64_MAX || e->atime < 0 || e->mtime < 0 || e->message_size > INT32_MAX ||
	    e->notify_signal > (unsigned)SIGRTMAX)
		return false;
	for (size_t i = 0; i < e->n_message; i++)
		if (e->message[i]->data.len > e->message_size)
			return false;
	return true;
}

/* The queue that its name leads to. */
static void check_here(struct restore *r, const struct restore_file *f, struct mqueue_in *q)
{
	const CrtoolsMqueue *e = q->e;
	_cleanup_fd_ int fd = syscall(SYS_mq_open, e->name + 1, O_RDONLY | O_CLOEXEC, 0, NULL);
	struct mq_attr attr;
	struct status s;

	if (fd < 0) {
		q->missing = errno == ENOENT;
		if (q->missing && e->waiting)
			report_warn(&r->s->report, 0, object_of(r, f),
				    arena_printf(restore_arena(r),
						 "%s is not here; it is made anew, without the %u "
						 "messages that waited in it",
						 e->name, e->waiting),
				    "");
		return;
	}
	if (syscall(SYS_mq_getsetattr, fd, NULL, &attr) == 0 &&
	    ((uint64_t)attr.mq_maxmsg != e->max_messages ||
	     (uint64_t)attr.mq_msgsize != e->message_size))
		report_refuse(&r->s->report, 0, object_of(r, f),
			      arena_printf(restore_arena(r), "%s is another queue here", e->name),
			      "remove that one (mq_unlink): it is made anew");
	read_status(fd, &s);
	if (e->notify_pid && s.pid)
		report_refuse(&r->s->report, 0, object_of(r, f),
			      arena_printf(restore_arena(r),
					   "%s notifies process %d already, and only one can be",
					   e->name, s.pid),
			      "end that process");
}

static int mqueue_check(struct restore *r, struct restore_file *f)
{
	const CrtoolsMqueue *e = entry_of(r, f);
	struct hash *queues = r->priv[SLOT_MQUEUE];
	struct mqueue_in *q;

	if (!is_sane(e))
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "crtools-files.img: the entry of message queue %u is missing, or "
			       "makes no sense",
			       f->id);
	if (!queues) {
		queues = r->priv[SLOT_MQUEUE] = arena_new(restore_arena(r), struct hash);
		session_own_hash(r->s, queues);
	}
	q = hash_get(queues, e->inode);
	if (!q) {
		q = arena_new(restore_arena(r), struct mqueue_in);
		*q = (struct mqueue_in){ .e = e, .first = f };
		hash_put(queues, e->inode, q);
		if (!e->removed)
			check_here(r, f, q);
	}
	if (e->n_message)
		q->e = e;
	restore_group(r, q->first, f);
	arena_push(restore_arena(r), q->members, q->n_members, ((struct member){ f, -1 }));
	f->priv = q;
	fown_check(r, f, e->fown, object_of(r, f));
	return 0;
}

static int failed(struct restore_task *t, const struct restore_file *f, const char *call)
{
	const CrtoolsMqueue *e = entry_of(t->r, f);

	return err_sys(restore_err(t->r), call,
		       "can't restore message queue %u (%s, %llu messages of %llu bytes)", f->id,
		       e->name, (unsigned long long)e->max_messages,
		       (unsigned long long)e->message_size);
}

static int create(const struct mqueue_in *q, const char *name)
{
	struct mq_attr attr = { .mq_maxmsg = q->e->max_messages, .mq_msgsize = q->e->message_size };

	return syscall(SYS_mq_open, name, O_CREAT | O_EXCL | O_RDWR | O_NONBLOCK | O_CLOEXEC,
		       q->e->mode, &attr);
}

/* mq_open() and open() differ in O_LARGEFILE, which shows; only open() makes a description of one
 * that was opened, whether it has a name or not. */
static int open_as(const CrtoolsMqueue *e, const char *name)
{
	_cleanup_fd_ int fd = syscall(SYS_mq_open, name, e->flags & STATUS_FLAGS, 0, NULL);

	if (fd < 0 || !(e->flags & KERNEL_O_LARGEFILE))
		return TAKE_FD(fd);
	return reopen(fd, e->flags & STATUS_FLAGS);
}

/* While it has a name. */
static int open_members(struct restore_task *t, struct mqueue_in *q, const char *name)
{
	for (size_t i = 0; i < q->n_members; i++) {
		struct member *m = &q->members[i];
		int fd = open_as(entry_of(t->r, m->file), name);

		if (fd < 0)
			return failed(t, m->file, "mq_open");
		m->fd = service_fd(t->r, fd);
		if (m->fd < 0)
			return m->fd;
	}
	return 0;
}

static int fill_new(struct restore_task *t, const struct restore_file *f, const struct mqueue_in *q,
		    int fd)
{
	struct timespec times[] = { { q->e->atime / 1000000000, q->e->atime % 1000000000 },
				    { q->e->mtime / 1000000000, q->e->mtime % 1000000000 } };
	int ret;

	if (fchown(fd, q->e->uid, q->e->gid) < 0)
		return failed(t, f, "fchown");
	if (fchmod(fd, q->e->mode) < 0)
		return failed(t, f, "fchmod");
	ret = mqueue_messages_send(fd, q->e);
	if (ret < 0) {
		errno = -ret;
		return failed(t, f, "mq_send");
	}
	return futimens(fd, times) < 0 ? failed(t, f, "futimens") : 0;
}

/* Under the name that it had, if nobody has that now, for as long as it takes. */
static int make(struct restore_task *t, const struct restore_file *f, struct mqueue_in *q)
{
	const char *name = q->e->name + 1;
	_cleanup_fd_ int fd = create(q, name);
	int ret;

	if (fd < 0 && errno == EEXIST && q->e->removed) {
		name = arena_printf(restore_arena(t->r), "crtools-%d-%u", getpid(), f->id);
		fd = create(q, name);
	}
	if (fd < 0)
		return failed(t, f, "mq_open");
	ret = fill_new(t, f, q, fd);
	if (ret == 0)
		ret = open_members(t, q, name);
	if ((ret < 0 || q->e->removed) && syscall(SYS_mq_unlink, name) < 0 && ret == 0)
		ret = failed(t, f, "mq_unlink");
	return ret;
}

/* The first one opens all: they have one owner. */
static int open_all(struct restore_task *t, const struct restore_file *f, struct mqueue_in *q)
{
	q->made = true;
	if (q->e->removed || q->missing)
		return make(t, f, q);
	return open_members(t, q, q->e->name + 1);
}

static int mqueue_open(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	const CrtoolsMqueue *e = entry_of(t->r, f);
	struct mqueue_in *q = f->priv;
	int ret = q->made ? 0 : open_all(t, f, q);

	for (size_t i = 0; ret == 0 && i < q->n_members; i++)
		if (q->members[i].file == f) {
			*ret_fd = TAKE_FD(q->members[i].fd);
			/* Reading its status moves it. */
			if (e->pos && lseek(*ret_fd, e->pos, SEEK_SET) < 0)
				return failed(t, f, "lseek");
		}
	return ret;
}

static int mqueue_attach(struct restore_task *t, struct restore_file *f, int fd)
{
	const CrtoolsMqueue *e = entry_of(t->r, f);

	return fown_attach(t, f, e->fown, e->flags, fd);
}

const struct file_class mqueue_class = {
	.name = "message queue",
	.type = FD_TYPES__CRTOOLS_MQUEUE,
	.match = mqueue_match,
	.collect = mqueue_collect,
	.write = mqueue_write,
	.check = mqueue_check,
	.open = mqueue_open,
	.attach = mqueue_attach,
};

/* --- notification --------------------------------------------------------------------------------
 */

static void emit_notification(struct restore_task *t, const CrtoolsMqueue *e, int fd)
{
	struct program *p = t->threads[0].prog;
	struct sigevent how = { .sigev_notify = e->notify_kind, .sigev_signo = e->notify_signal };

	program_stage(p, STAGE_TIMERS);
	program_note(p, "notification of message queue %s", e->name);
	program_do(p, SYS_mq_notify, IMM(fd), AREA(area_put(p->area, &how, sizeof(how))));
}

/* Once a queue: the kernel knows one that is notified. */
static int mqueue_emit(struct restore_task *t)
{
	for (size_t i = 0; t->table && i < t->table->n_fds; i++) {
		const struct restore_file *f = t->table->fds[i].file;
		const CrtoolsMqueue *e = f->class == &mqueue_class ? entry_of(t->r, f) : NULL;
		struct mqueue_in *q = f->priv;

		if (!e || e->notify_pid != (uint32_t)t->vpid || q->told)
			continue;
		q->told = true;
		emit_notification(t, e, t->table->fds[i].e->fd);
	}
	return 0;
}

const struct state_class mqueue_state = {
	.name = "notifications of message queues",
	.emit = mqueue_emit,
};
