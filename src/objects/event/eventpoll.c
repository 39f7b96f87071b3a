/* SPDX-License-Identifier: Apache-2.0 */
/*
 * epoll(7): a set of watches. A watch is a pair of an open file description and the number of the
 * descriptor through which it was added (struct epoll_filefd); the number may be closed since, or
 * be another file's, while the description lives on elsewhere. fdinfo shows number, events and data
 * of each watch, but not the description; eventpoll_match.c finds it.
 *
 * Images name a target by a number in the table of the task that has the epoll. Where that is not
 * the number that it was added by, or where only another task has the file, crtools-epoll.img
 * tells number and file.
 *
 * Watches are added when all files of the task are open, through the number that they had, so that
 * EPOLL_CTL_MOD and EPOLL_CTL_DEL find them. A target that the epoll's owner would not get is
 * opened together with the epoll, by a common ancestor.
 *
 * Kept: all watches with events, data and number; status flags, owner. Not readable, and so not
 * kept: which edges (EPOLLET) were told already (what is ready is told once more), in which order
 * ready watches wait. EPIOCSPARAMS (Linux 6.9) has no place in the images: a warning says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/ioctl.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"
#include "image/reader.h"
#include "objects/event/eventpoll.h"

/* EPIOCGPARAMS, Linux 6.9 */
struct busy_poll_params {
	uint32_t usecs;
	uint16_t budget;
	uint8_t prefer, pad;
};
#define GET_PARAMS _IOR(0x8A, 0x02, struct busy_poll_params)

struct epoll_in {
	struct watch *watches;
	size_t n;
};

struct epolls_in {
	struct hash extra; /* file id -> CrtoolsEpollEntry */
};

/* --- dump ------------------------------------------------------------------------------------ */

static bool eventpoll_match(const struct file_probe *p)
{
	return event_is(p, "[eventpoll]");
}

/* "tfd:        5 events:       19 data:                5  pos:0 ino:1e6d sdev:c" */
static int parse_watch(struct dump *d, const struct file_probe *p, const char *value,
		       EventpollTfdEntry *e)
{
	unsigned long long data, inode = 0;
	unsigned int tfd, events, dev = 0;
	long long pos = 0;
	int n = sscanf(value, "%u events: %x data: %llx pos:%lld ino:%llx sdev:%x", &tfd, &events,
		       &data, &pos, &inode, &dev);

	if (n < 3 || tfd > INT32_MAX)
		return err_set(dump_err(d), ERR_KERNEL, EBADMSG,
			       "can't understand the watches of %s", probe_object(p));
	e->tfd = tfd;
	e->events = events;
	e->data = data;
	e->has_pos = e->has_inode = e->has_dev = n == 6; /* Linux 5.0 */
	e->pos = pos;
	e->inode = inode;
	e->dev = dev;
	return 0;
}

static int parse_watches(struct dump *d, const struct file_probe *p, EventpollFileEntry *e)
{
	const char *key, *value;
	size_t pos = 0, key_len, value_len;
	int ret = 0;

	while (ret == 0 && proc_next_line(p->info.text, p->info.text_len, &pos, &key, &key_len,
					  &value, &value_len)) {
		EventpollTfdEntry *w;

		if (key_len != 3 || memcmp(key, "tfd", 3))
			continue;
		w = arena_msg(dump_arena(d), EventpollTfdEntry, eventpoll_tfd_entry);
		w->id = e->id;
		ret = parse_watch(d, p, value, w);
		arena_push(dump_arena(d), e->tfd, e->n_tfd, w);
	}
	return ret;
}

static int eventpoll_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	EventpollFileEntry *e = arena_msg(dump_arena(d), EventpollFileEntry, eventpoll_file_entry);
	struct epolls_out *all = d->priv[SLOT_EPOLL];
	struct epoll_out *out = arena_new(dump_arena(d), struct epoll_out);
	struct busy_poll_params params = { 0 };
	int ret;

	f->entry->epfd = e;
	e->id = f->entry->id;
	e->flags = p->info.flags & ~O_CLOEXEC;
	ret = parse_watches(d, p, e);
	if (ret < 0)
		return ret;
	if (!all)
		all = d->priv[SLOT_EPOLL] = arena_new(dump_arena(d), struct epolls_out);
	*out = (struct epoll_out){ .task = p->task, .fd = p->fd, .object = probe_object(p), .e = e };
	arena_push(dump_arena(d), all->list, all->n, out);
	if (ioctl(probe_local(p), GET_PARAMS, &params) == 0 &&
	    (params.usecs || params.budget || params.prefer))
		task_warn(p->task, out->object,
			  "the parameters of its busy polling (EPIOCSPARAMS) go back to none",
			  "set them anew after the restore");
	return fown_collect(d, p, &e->fown);
}

/* --- restore: before anything is forked -------------------------------------------------------- */

static int extra_of(struct restore *r, uint32_t id, const CrtoolsEpollEntry **ret)
{
	struct epolls_in *in = r->priv[SLOT_EPOLL];
	CrtoolsEpollEntry **entries = NULL;
	size_t n = 0;
	int err = 0;

	if (!in) {
		in = r->priv[SLOT_EPOLL] = arena_new(restore_arena(r), struct epolls_in);
		session_own_hash(r->s, &in->extra);
		if (image_dir_has(r->s->images, IMAGE_CRTOOLS_EPOLL, 0))
			err = image_read_all(r->s->images, IMAGE_CRTOOLS_EPOLL, 0, restore_arena(r),
					     restore_err(r), &entries, &n);
		for (size_t i = 0; err == 0 && i < n; i++)
			hash_put(&in->extra, entries[i]->id, entries[i]);
	}
	*ret = hash_get(&in->extra, id);
	return err;
}

static int bad_extra(struct restore *r, uint32_t id)
{
	return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
		       "crtools-epoll.img: a watch of epoll %u makes no sense", id);
}

static int apply_extra(struct restore *r, const struct restore_file *f, struct epoll_in *in)
{
	const CrtoolsEpollEntry *x;
	int ret = extra_of(r, f->id, &x);

	for (size_t i = 0; ret == 0 && x && i < x->n_target; i++) {
		const CrtoolsEpollTarget *target = x->target[i];
		struct restore_file *file = restore_file_by_id(r, target->file_id);

		if (target->index >= in->n || !file || target->number > INT32_MAX)
			return bad_extra(r, f->id);
		in->watches[target->index].number = target->number;
		in->watches[target->index].target = file;
	}
	return ret;
}

static bool has_file(const struct restore_table *table, const struct restore_file *f)
{
	for (size_t i = 0; i < table->n_fds; i++)
		if (table->fds[i].file == f)
			return true;
	return false;
}

/* The table whose numbers the images mean: that of the task with the lowest id that has the epoll. */
static struct restore_table *naming_table(const struct restore *r, const struct restore_file *f)
{
	const struct restore_task *first = NULL;

	for (size_t i = 0; i < r->n_tasks; i++) {
		const struct restore_task *t = r->tasks[i];

		if (t->table && (!first || t->vpid < first->vpid) && has_file(t->table, f))
			first = t;
	}
	return first ? first->table : NULL;
}

static int find_targets(struct restore *r, const struct restore_file *f, struct epoll_in *in)
{
	struct restore_table *table = naming_table(r, f);
	struct hash by_number = { 0 };
	int ret = 0;

	for (size_t i = 0; table && i < table->n_fds; i++)
		hash_put(&by_number, table->fds[i].e->fd, table->fds[i].file);
	for (size_t i = 0; table && i < in->n; i++) {
		struct watch *w = &in->watches[i];

		if (!w->target)
			w->target = hash_get(&by_number, w->e->tfd);
		if (w->target && w->target != f)
			continue;
		ret = err_set(restore_err(r), ERR_IMAGE_CORRUPT, ENOENT,
			      "files.img: epoll %u watches descriptor %u, which is not there",
			      f->id, w->e->tfd);
		break;
	}
	hash_free(&by_number);
	return ret;
}

/* Would whoever opens the epoll have its targets? Only if all that have the epoll have them too. */
static void group_targets(struct restore *r, struct restore_file *f, const struct epoll_in *in)
{
	for (size_t k = 0; k < r->n_tasks; k++) {
		struct restore_task *t = r->tasks[k];
		struct hash mine = { 0 };

		if (!t->table || t->table->owner != t || !has_file(t->table, f))
			continue;
		for (size_t i = 0; i < t->table->n_fds; i++)
			hash_put(&mine, t->table->fds[i].file->id, t->table->fds[i].file);
		for (size_t i = 0; i < in->n; i++)
			if (in->watches[i].target && !hash_get(&mine, in->watches[i].target->id))
				restore_group(r, in->watches[i].target, f);
		hash_free(&mine);
	}
}

static int eventpoll_check(struct restore *r, struct restore_file *f)
{
	const EventpollFileEntry *e = f->entry->epfd;
	struct epoll_in *in;
	int ret = event_check(r, f, e, e ? e->id : 0, e ? e->fown : NULL);

	if (ret < 0)
		return ret;
	f->priv = in = arena_new(restore_arena(r), struct epoll_in);
	*in = (struct epoll_in){ arena_array(restore_arena(r), struct watch, e->n_tfd + 1),
				 e->n_tfd };
	for (size_t i = 0; i < in->n; i++)
		in->watches[i] = (struct watch){ .e = e->tfd[i], .number = e->tfd[i]->tfd };
	ret = apply_extra(r, f, in);
	if (ret == 0)
		ret = find_targets(r, f, in);
	if (ret == 0)
		group_targets(r, f, in);
	return ret;
}

/* --- restore: in the task ----------------------------------------------------------------------- */

static int eventpoll_open(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	_cleanup_fd_ int fd = epoll_create1(EPOLL_CLOEXEC);
	int ret;

	if (fd < 0)
		return err_sys(restore_err(t->r), "epoll_create1", "can't make epoll %u", f->id);
	ret = event_set_flags(t, f, f->entry->epfd->flags, fd);
	if (ret == 0)
		*ret_fd = TAKE_FD(fd);
	return ret;
}

/* Spent watches go first, when all that they need is there. */
static size_t eventpoll_follows(const struct restore_file *f)
{
	const struct epoll_in *in = f->priv;

	for (size_t i = 0; i < in->n; i++)
		if (watch_is_spent(&in->watches[i]))
			return 0;
	return in->n;
}

/* Does its target come to the number that it had when it was added, with nothing in the way? */
static bool is_plain(const struct restore_task *t, const struct restore_file *f,
		     const struct watch *w)
{
	return w->target && w->target->owner == t && w->target->stage_fd == w->number &&
	       f->stage_fd != w->number;
}

/* The kernel tells watches in no order: those whose targets are open already come first. */
static int eventpoll_follow(struct restore_task *t, struct restore_file *f)
{
	struct epoll_in *in = f->priv;
	size_t left = in->n;
	bool last = false;

	while (left && !last) {
		last = t->all_open;
		for (size_t i = 0; i < in->n; i++) {
			struct watch *w = &in->watches[i];
			int ret;

			if (w->armed || !w->target || !w->target->open || !is_plain(t, f, w))
				continue;
			ret = watch_arm(t, f, w, f->stage_fd, w->number);
			if (ret < 0)
				return ret;
			w->armed = true;
			left--;
		}
		sched_yield();
	}
	return 0;
}

static int eventpoll_attach(struct restore_task *t, struct restore_file *f, int fd)
{
	const struct epoll_in *in = f->priv;

	for (int spent = 1; spent >= 0; spent--)
		for (size_t i = 0; i < in->n; i++) {
			const struct watch *w = &in->watches[i];
			int ret;

			if (w->armed || watch_is_spent(w) != spent)
				continue;
			if (!w->target || !w->target->open)
				return err_set(restore_err(t->r), ERR_INTERNAL, ENOENT,
					       "the target %d of epoll %u is not open in its owner",
					       w->number, f->id);
			ret = watch_arm(t, f, w, fd, w->target->stage_fd);
			if (ret < 0)
				return ret;
		}
	return fown_attach(t, f, f->entry->epfd->fown, 0, fd);
}

const struct file_class eventpoll_class = {
	.name = "eventpoll",
	.type = FD_TYPES__EVENTPOLL,
	.match = eventpoll_match,
	.collect = eventpoll_collect,
	.check = eventpoll_check,
	.open = eventpoll_open,
	.follows = eventpoll_follows,
	.follow = eventpoll_follow,
	.attach = eventpoll_attach,
};
