/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which open file does a watch of an epoll mean (dump)? Mostly the one that has its number in the
 * table of the epoll's owner. Where that is closed or another file now, all files of the tree are
 * sorted by the order of kcmp(2), in which the watch's own file is found by bisection
 * (KCMP_EPOLL_TFD, Linux 4.13); several watches may have one number: they are told apart by their
 * place among the lines of fdinfo.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "image/writer.h"
#include "kernel/kcmp.h"
#include "objects/event/eventpoll.h"

struct candidates {
	struct kcmp_ref *refs; /* one descriptor of each open file of the tree */
	FdinfoEntry **fds;
	struct dump_task **tasks;
	size_t n;
	bool sorted;
};

/* How the file of (task, fd) compares with the watch's. */
static int compare(const struct epoll_out *out, const EventpollTfdEntry *w, uint32_t nth, pid_t pid,
		   int fd, int *ret)
{
	return kcmp_epoll(pid, fd, out->task->stop->via, out->fd, w->tfd, nth, ret,
			  dump_err(out->task->dump));
}

static FdinfoEntry *find_number(const struct dump_table *table, uint32_t number)
{
	size_t low = 0, high = table->n_fds;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (table->fds[mid]->fd == number)
			return table->fds[mid];
		if (table->fds[mid]->fd < number)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static int gather(struct dump *d, struct candidates *c)
{
	struct hash seen = { 0 };
	size_t n = 0;

	if (c->sorted)
		return 0;
	c->sorted = true;
	for (size_t i = 0; i < d->n_tasks; i++)
		n += d->tasks[i]->table && d->tasks[i]->table->owner == d->tasks[i]
			     ? d->tasks[i]->table->n_fds
			     : 0;
	c->refs = arena_array(dump_arena(d), struct kcmp_ref, n + 1);
	c->fds = arena_array(dump_arena(d), FdinfoEntry *, n + 1);
	c->tasks = arena_array(dump_arena(d), struct dump_task *, n + 1);
	for (size_t i = 0; i < d->n_tasks; i++) {
		struct dump_task *t = d->tasks[i];

		for (size_t k = 0; t->table && t->table->owner == t && k < t->table->n_fds; k++) {
			FdinfoEntry *e = t->table->fds[k];

			if (hash_get(&seen, e->id))
				continue;
			hash_put(&seen, e->id, e);
			c->refs[c->n] = (struct kcmp_ref){ .pid = t->stop->via,
							   .fd = e->fd,
							   .index = c->n };
			c->fds[c->n] = e;
			c->tasks[c->n++] = t;
		}
	}
	hash_free(&seen);
	return kcmp_sort(c->refs, c->n, KCMP_T_FILE, dump_err(d));
}

/* *ret is NULL if no descriptor of the tree has the file. */
static int search(const struct epoll_out *out, const EventpollTfdEntry *w, uint32_t nth,
		  struct candidates *c, FdinfoEntry **ret)
{
	size_t low = 0, high;
	int err = gather(out->task->dump, c), order;

	*ret = NULL;
	for (high = c->n; err == 0 && low < high;) {
		size_t mid = (low + high) / 2;

		err = compare(out, w, nth, c->refs[mid].pid, c->refs[mid].fd, &order);
		if (err == 0 && order == 0) {
			*ret = c->fds[c->refs[mid].index];
			return 0;
		}
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return err;
}

static void note(struct epoll_out *out, size_t index, const FdinfoEntry *found)
{
	struct arena *a = dump_arena(out->task->dump);
	CrtoolsEpollTarget *x = arena_msg(a, CrtoolsEpollTarget, crtools_epoll_target);
	EventpollTfdEntry *w = out->e->tfd[index];
	const struct dump_table *table = out->task->table;

	if (!out->extra) {
		out->extra = arena_msg(a, CrtoolsEpollEntry, crtools_epoll_entry);
		out->extra->has_id = true;
		out->extra->id = out->e->id;
	}
	x->has_index = x->has_number = x->has_file_id = true;
	x->index = index;
	x->number = w->tfd;
	x->file_id = found->id;
	arena_push(a, out->extra->target, out->extra->n_target, x);
	/* For readers that know only numbers: one by which the owner has the file. */
	for (size_t k = 0; k < table->n_fds; k++)
		if (table->fds[k]->id == found->id) {
			w->tfd = table->fds[k]->fd;
			break;
		}
}

static int match_watch(struct epoll_out *out, size_t index, uint32_t nth, struct candidates *c)
{
	const EventpollTfdEntry *w = out->e->tfd[index];
	struct dump *d = out->task->dump;
	FdinfoEntry *found = find_number(out->task->table, w->tfd);
	int ret, order = 1;

	if (found) {
		ret = compare(out, w, nth, out->task->stop->via, found->fd, &order);
		if (ret < 0)
			return ret;
		if (order == 0)
			return 0;
	}
	ret = search(out, w, nth, c, &found);
	if (ret < 0)
		return ret;
	if (found) {
		note(out, index, found);
		return 0;
	}
	task_refuse(
		out->task, out->object,
		arena_printf(dump_arena(d),
			     "it watches a file (added as descriptor %u, inode %lu) that no process "
			     "of the tree has open",
			     w->tfd, (unsigned long)w->inode),
		"have the program take it out of the set (EPOLL_CTL_DEL), or dump those too that have it");
	return 0;
}

static int match_all(struct epoll_out *out, struct candidates *c)
{
	struct hash counts = { 0 }; /* of watches so far, by the number that fdinfo showed */
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < out->e->n_tfd; i++) {
		uint64_t number = out->e->tfd[i]->tfd;
		uintptr_t nth = (uintptr_t)hash_get(&counts, number);

		hash_put(&counts, number, (void *)(nth + 1));
		ret = match_watch(out, i, nth, c);
	}
	hash_free(&counts);
	return ret;
}

static int eventpoll_find(struct dump_task *t)
{
	struct epolls_out *all = t->dump->priv[SLOT_EPOLL];
	struct candidates c = { 0 };
	int ret = 0;

	if (!all || all->matched)
		return 0;
	all->matched = true;
	for (size_t i = 0; ret == 0 && i < all->n; i++)
		ret = err_add_pid(dump_err(t->dump), all->list[i]->task->vpid,
				  match_all(all->list[i], &c));
	return ret;
}

static int eventpoll_write(struct dump *d)
{
	const struct epolls_out *all = d->priv[SLOT_EPOLL];
	CrtoolsEpollEntry **entries = NULL;
	size_t n = 0;

	for (size_t i = 0; all && i < all->n; i++)
		if (all->list[i]->extra)
			arena_push(dump_arena(d), entries, n, all->list[i]->extra);
	return image_write_all(d->s->images, IMAGE_CRTOOLS_EPOLL, 0, (void **)entries, n,
			       dump_err(d));
}

const struct state_class eventpoll_state = {
	.name = "eventpoll",
	.collect = eventpoll_find,
	.write = eventpoll_write,
};
