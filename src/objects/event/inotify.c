/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inotify_init1(2): watches on inodes, each with a number (wd), and a queue of events.
 *
 * fdinfo shows wd, inode, handle and mask of each watch. A watch is made again by the file's path,
 * with its number (INOTIFY_IOC_SETNEXTWD, Linux 4.18 with CONFIG_CHECKPOINT_RESTORE; else numbers
 * are used up until it is met). That is done by the tool when the programs of all tasks have ended,
 * so that nothing the restore opens or closes is an event.
 *
 * Events that nobody has read are not kept: reading them would take them from a program that goes
 * on, and the kernel makes none but of what is done to a file. In their place the program gets what
 * the kernel itself gives it for events that were lost, IN_Q_OVERFLOW: the new queue is filled with
 * events of a file of the tool's own until it is full, and those are taken out again (overflow()).
 * The dump itself opens and reads files, so there has to be an event of something else among them:
 * the kernel's memory tells.
 *
 * IN_MASK_CREATE, IN_ONLYDIR and IN_DONT_FOLLOW are for the call only. A file that has no name any
 * more is watched by a descriptor that the tree has of it. Refused: a watch whose file is not found.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "objects/event/event.h"
#include "objects/event/watched.h"
#include "objects/extras.h"
#include "objects/inside.h"

#define SET_NEXT_WD _IOW('I', 0, int32_t) /* INOTIFY_IOC_SETNEXTWD */
#define KEPT_MASK   (IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK)
/* Numbers that are used up one by one where the kernel can't be told. */
#define STEPS_MAX (1 << 20)
#define QUEUE_MAX (1 << 20) /* events; fs.inotify.max_queued_events is 16384 by default */

/* --- dump ----------------------------------------------------------------------------------------
 */

static bool inotify_match(const struct file_probe *p)
{
	return event_is(p, "inotify") || event_is(p, "[inotify]");
}

/* Whom a refusal names when all files are known. */
struct holder {
	struct dump_task *task;
	const char *object;
};

static void refuse_watch(struct dump *d, const struct holder *h, unsigned int wd, int found)
{
	task_refuse(h->task, h->object,
		    arena_printf(dump_arena(d), "watch %u is on a file that %s", wd,
				 watched_why_not(found)),
		    "remove the watch before the dump");
}

static void collect_watch(struct dump *d, const struct holder *h, InotifyFileEntry *e,
			  const char *line, size_t len)
{
	struct arena *a = dump_arena(d);
	InotifyWdEntry *w = arena_msg(a, InotifyWdEntry, inotify_wd_entry);
	char *text = arena_printf(a, "%.*s", (int)len, line);
	const char *mask = strstr(text, " mask:");
	unsigned int wd, events, ignored = 0;
	int found;

	if (sscanf(text, "wd:%x", &wd) != 1 || !mask ||
	    sscanf(mask, " mask:%x ignored_mask:%x", &events, &ignored) < 1) {
		task_refuse(h->task, h->object, "has a watch that fdinfo shows in an unknown way",
			    "close it before the dump");
		return;
	}
	found = watched_parse(d, text, len, &w->i_ino, &w->s_dev, &w->f_handle);
	if (found < 0) {
		refuse_watch(d, h, wd, found);
		return;
	}
	w->id = e->id;
	w->wd = wd;
	w->mask = events;
	w->ignored_mask = ignored;
	arena_push(a, e->wd, e->n_wd, w);
}

static int inotify_relate(struct dump *d, struct dump_file *f)
{
	InotifyFileEntry *e = f->entry->ify;

	for (size_t i = 0; i < e->n_wd; i++) {
		InotifyWdEntry *w = e->wd[i];
		int found = watched_find(d, w->f_handle, w->i_ino, w->s_dev);

		if (found < 0)
			refuse_watch(d, f->priv, w->wd, found);
	}
	return 0;
}

/* 1: there is one that is no mere look at a file; 0: none; or -errno. */
static int find_change(struct dump *d, int fd)
{
	static const char *const members[] = { "fsnotify_group.notification_list",
					       "fsnotify_event.list", "inotify_event_info.mask" };
	const int *at = inside_offsets(d, members, ARRAY_SIZE(members));
	struct kmem *k = at ? &inside_kernel(d)->memory : NULL;
	uint64_t list, node;
	uint32_t mask;

	if (!at)
		return -ENOENT;
	list = kmem_private(k, fd) + at[0];
	node = kmem_pointer(k, list, 0);
	for (int n = 0; node != list; n++) {
		if (!node || n > QUEUE_MAX ||
		    kmem_read(k, node - at[1] + at[2], &mask, sizeof(mask)) < 0)
			return -EIO;
		if (mask & ~(IN_OPEN | IN_ACCESS | IN_CLOSE_NOWRITE | IN_ISDIR))
			return 1;
		node = kmem_pointer(k, node, 0);
	}
	return 0;
}

static void note_unread(struct dump *d, const struct file_probe *p, uint32_t id, int bytes)
{
	bool change = find_change(d, probe_local(p)) > 0;
	CrtoolsInotify *x;

	task_warn(
		p->task, probe_object(p),
		arena_printf(dump_arena(d),
			     "has %d bytes of events that nobody has read; they are lost%s", bytes,
			     change ? ", which the restored program is told (IN_Q_OVERFLOW)" : ""),
		"have them read before the dump");
	if (!change)
		return;
	x = arena_msg(dump_arena(d), CrtoolsInotify, crtools_inotify);
	x->has_id = x->has_unread = true;
	x->id = id;
	x->unread = bytes;
	extras_add(d)->inotify = x;
}

static int inotify_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	InotifyFileEntry *e = arena_msg(dump_arena(d), InotifyFileEntry, inotify_file_entry);
	const char *text = p->info.text, *line;
	struct holder *h = arena_new(dump_arena(d), struct holder);
	int waiting = 0;

	*h = (struct holder){ p->task, probe_object(p) };
	f->priv = h;
	f->entry->ify = e;
	e->id = f->entry->id;
	e->flags = p->info.flags & ~O_CLOEXEC;
	for (line = strstr(text, "inotify wd:"); line; line = strstr(line + 1, "inotify wd:"))
		collect_watch(d, h, e, line + strlen("inotify "),
			      strcspn(line, "\n") - strlen("inotify "));
	watched_judge_flight(p, e->n_wd);
	if (ioctl(probe_local(p), FIONREAD, &waiting) == 0 && waiting)
		note_unread(d, p, e->id, waiting);
	return fown_collect(d, p, &e->fown);
}

/* --- restore
 * --------------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
	const InotifyWdEntry *x = *(InotifyWdEntry *const *)a, *y = *(InotifyWdEntry *const *)b;

	return x->wd < y->wd ? -1 : x->wd > y->wd;
}

struct watches {
	InotifyWdEntry **wd; /* ascending */
	const char **paths;
	bool lost; /* events */
};

static int check_watches(struct restore *r, struct restore_file *f, struct watches *w)
{
	const InotifyFileEntry *e = f->entry->ify;
	struct arena *a = restore_arena(r);

	w->wd = arena_memdup(a, e->wd, e->n_wd * sizeof(*e->wd));
	w->paths = arena_array(a, const char *, e->n_wd + 1);
	qsort(w->wd, e->n_wd, sizeof(*w->wd), by_number);
	for (size_t i = 0; i < e->n_wd; i++) {
		const InotifyWdEntry *wd = w->wd[i];
		const char *why;

		if (!wd->wd || wd->wd > INT32_MAX || (i && wd->wd == w->wd[i - 1]->wd) ||
		    !(wd->mask & IN_ALL_EVENTS))
			return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
				       "files.img: watch %u of inotify %u makes no sense (mask %x)",
				       wd->wd, f->id, wd->mask);
		w->paths[i] = watched_path(r, wd->f_handle, wd->i_ino, wd->s_dev, &why);
		if (!w->paths[i])
			report_refuse(&r->s->report, 0, arena_printf(a, "inotify %u", f->id), why,
				      "bring the file back");
	}
	return 0;
}

static int check_lost(struct restore *r, const struct restore_file *f, struct watches *w)
{
	CrtoolsFileEntry **list;
	size_t n;
	int ret = extras_read(r, &list, &n);

	for (size_t i = 0; ret == 0 && i < n; i++)
		if (list[i]->inotify && list[i]->inotify->id == f->id)
			w->lost = list[i]->inotify->unread;
	return ret;
}

static int inotify_check(struct restore *r, struct restore_file *f)
{
	const InotifyFileEntry *e = f->entry->ify;
	struct watches *w = arena_new(restore_arena(r), struct watches);
	int ret = event_check(r, f, e, e ? e->id : 0, e ? e->fown : NULL);

	*w = (struct watches){ 0 };
	f->priv = w;
	if (ret == 0)
		ret = check_lost(r, f, w);
	/* An empty list has nothing to sort. */
	return ret < 0 || !e->n_wd ? ret : check_watches(r, f, w);
}

static int inotify_open(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	int fd = inotify_init1(IN_CLOEXEC | (f->entry->ify->flags & IN_NONBLOCK));

	if (fd < 0)
		return err_sys(restore_err(t->r), "inotify_init1",
			       "can't make inotify %u (fs.inotify.max_user_instances?)", f->id);
	*ret_fd = fd;
	return 0;
}

static int inotify_attach(struct restore_task *t, struct restore_file *f, int fd)
{
	return fown_attach(t, f, f->entry->ify->fown, f->entry->ify->flags, fd);
}

/* What using up numbers has left in the queue. */
static void drain(int fd)
{
	char events[4096];
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	while (read(fd, events, sizeof(events)) > 0)
		;
	fcntl(fd, F_SETFL, flags);
}

static int add_watch(struct restore *r, const struct restore_file *f, const InotifyWdEntry *e,
		     const char *path, int fd)
{
	uint32_t mask = (e->mask & KEPT_MASK) | (watched_by_link(path) ? 0 : IN_DONT_FOLLOW);
	int32_t want = e->wd;
	bool told = ioctl(fd, SET_NEXT_WD, want) == 0;
	int wd = inotify_add_watch(fd, path, mask);

	for (int steps = 0; wd >= 0 && wd < want && steps < STEPS_MAX; steps++) {
		inotify_rm_watch(fd, wd);
		wd = inotify_add_watch(fd, path, mask);
	}
	if (wd < 0)
		return err_sys(restore_err(r), "inotify_add_watch",
			       "can't watch %s for inotify %u%s", path, f->id,
			       errno == ENOSPC ? " (fs.inotify.max_user_watches)" : "");
	if (wd != want)
		return err_set(restore_err(r), ERR_KERNEL, EEXIST,
			       "watch %d of inotify %u, on %s, got the number %d", want, f->id,
			       path, wd);
	if (!told)
		drain(fd);
	return 0;
}

/* Events of which no two that follow each other are the same, so that none is left out, on a file
 * that nobody knows; until there are n, and one more that says that the queue was full. */
static int fill_queue(int fd, const char *path, int file, int n)
{
	char byte = 0;
	int waiting = 0, wd = -1;

	if (ftruncate(file, 1) == 0)
		wd = inotify_add_watch(fd, path, IN_ACCESS | IN_MODIFY);
	for (int i = 0; wd >= 0 && i <= n; i++)
		if ((i & 1 ? pread(file, &byte, 1, 0) : pwrite(file, &byte, 1, 0)) != 1)
			return -EIO;
	if (wd < 0 || ioctl(fd, FIONREAD, &waiting) < 0)
		return -errno;
	inotify_rm_watch(fd, wd); /* there is no room for an event of that */
	return waiting == (n + 1) * (int)sizeof(struct inotify_event) ? 0 : -EIO;
}

static int take_out(int fd, int n)
{
	size_t size = n * sizeof(struct inotify_event);
	_cleanup_free_ char *events = malloc(size);

	if (!events)
		return -ENOMEM;
	return read(fd, events, size) == (ssize_t)size ? 0 : -EIO;
}

static int queue_size(void)
{
	_cleanup_file_ FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "re");
	int n;

	return f && fscanf(f, "%d", &n) == 1 && n > 0 && n <= QUEUE_MAX ? n : -E2BIG;
}

/* IN_Q_OVERFLOW. A failure leaves the queue empty. */
static void overflow(struct restore *r, const struct restore_file *f, int fd)
{
	_cleanup_fd_ int made = memfd_create("queue", MFD_CLOEXEC), file = -1;
	int n = queue_size(), ret = n;
	char path[64];

	/* What memfd_create() has opened makes no events, since Linux 6.14. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", made);
	file = open(path, O_RDWR | O_CLOEXEC);
	if (n > 0)
		ret = file < 0 ? -errno : fill_queue(fd, path, file, n);
	if (ret == 0)
		ret = take_out(fd, n);
	if (ret == 0)
		return;
	drain(fd);
	report_warn(&r->s->report, 0, arena_printf(restore_arena(r), "inotify %u", f->id),
		    arena_printf(restore_arena(r),
				 "has lost events, which its program can't be told (IN_Q_OVERFLOW: "
				 "%s)",
				 strerror(-ret)),
		    "");
}

static int inotify_watch(struct restore *r, struct restore_file *f, int fd)
{
	const struct watches *w = f->priv;
	bool told = ioctl(fd, SET_NEXT_WD, 1) == 0; /* else numbers are used up, and taken out */
	int ret = 0;

	if (w->lost && told)
		overflow(r, f, fd);
	for (size_t i = 0; ret == 0 && i < f->entry->ify->n_wd; i++)
		ret = add_watch(r, f, w->wd[i], w->paths[i], fd);
	if (ret == 0 && w->lost && !told)
		overflow(r, f, fd);
	return ret;
}

const struct file_class inotify_class = {
	.name = "inotify",
	.type = FD_TYPES__INOTIFY,
	.match = inotify_match,
	.collect = inotify_collect,
	.relate = inotify_relate,
	.check = inotify_check,
	.open = inotify_open,
	.attach = inotify_attach,
	.watch = inotify_watch,
};
