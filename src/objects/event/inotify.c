/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inotify_init1(2): watches on inodes, each with a number (wd), and a queue of events.
 *
 * fdinfo shows wd, inode, handle and mask of each watch. A watch is made again by the file's path,
 * with its number (INOTIFY_IOC_SETNEXTWD, Linux 4.18 with CONFIG_CHECKPOINT_RESTORE; else numbers
 * are used up until it is met). That is done by the tool when the programs of all tasks have ended,
 * so that nothing the restore opens or closes is an event.
 *
 * Not kept: events that nobody has read; reading them would take them from a program that goes on.
 * IN_MASK_CREATE, IN_ONLYDIR and IN_DONT_FOLLOW are for the call only. A file that has no name any
 * more is watched by a descriptor that the tree has of it. Refused: a watch whose file is not found.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "objects/event/event.h"
#include "objects/event/watched.h"

#define SET_NEXT_WD _IOW('I', 0, int32_t) /* INOTIFY_IOC_SETNEXTWD */
#define KEPT_MASK   (IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK)
/* Numbers that are used up one by one where the kernel can't be told. */
#define STEPS_MAX (1 << 20)

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
	if (ioctl(p->local, FIONREAD, &waiting) == 0 && waiting)
		task_warn(p->task, probe_object(p),
			  arena_printf(dump_arena(d),
				       "has %d bytes of events that nobody has read; they are lost",
				       waiting),
			  "have them read before the dump");
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

static int inotify_check(struct restore *r, struct restore_file *f)
{
	const InotifyFileEntry *e = f->entry->ify;
	struct watches *w = arena_new(restore_arena(r), struct watches);
	int ret = event_check(r, f, e, e ? e->id : 0, e ? e->fown : NULL);

	f->priv = w;
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

static int inotify_watch(struct restore *r, struct restore_file *f, int fd)
{
	const struct watches *w = f->priv;
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < f->entry->ify->n_wd; i++)
		ret = add_watch(r, f, w->wd[i], w->paths[i], fd);
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
