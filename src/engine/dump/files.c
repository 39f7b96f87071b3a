/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open files of the tree: which descriptors are the same open file description, and which class
 * each description belongs to.
 *
 * Equal descriptions have equal device, inode, position and flags, so only descriptors that agree
 * in those (a bucket) are compared with kcmp(2), whose order allows a search by bisection: the
 * cost grows with n log n even when a thousand tasks share one terminal. Eventfds, which all have
 * one inode, have to agree in their id in place of it. Files that are known by a
 * path only (exe, cwd, root, mapped files) are told apart by device, inode, path and flags.
 *
 * A descriptor in flight, in the queue of a unix socket, is in nobody's table. The tool has got one
 * of its own by looking into the queue; that is examined as if the tool were a task of the tree.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/dump/dump.h"
#include "engine/dump/survey.h"
#include "kernel/inode.h"
#include "kernel/kcmp.h"
#include "kernel/pidfd.h"
#include "objects/registry.h"

struct known {
	struct dump_file *file;
	pid_t pid; /* a descriptor by which kcmp finds it */
	int fd;
	const char *path; /* of files known by path */
};

struct bucket {
	struct known **known; /* sorted by kcmp's order */
	size_t n, room;
	struct bucket *next; /* same hash, other properties: never needed in practice, but safe */
	dev_t dev;
	ino_t ino;
};

struct files_index {
	struct hash descriptions, paths,
		tables;	      /* struct bucket, struct bucket, struct dump_table */
	struct hash mapped;   /* struct mapped */
	struct hash carriers; /* vpid -> struct dump_task: the tool, in place of that task */
	struct proc_buf carrier_buf;
	struct proc_stop *carrier_stop;
	struct prober prober;
	size_t asked_much; /* files, of class->asks_much */
};

/* A mapped file as smaps shows it; another area that shows the same is of the same file. */
struct mapped {
	const struct proc_area *area;
	int flags;
	uint32_t id;
	struct mapped *next;
};

static struct bucket *bucket_of(struct arena *a, struct hash *h, uint64_t key,
				const struct stat *st)
{
	struct bucket *first = hash_get(h, key), *b;

	for (b = first; b; b = b->next)
		if (b->dev == st->st_dev && b->ino == st->st_ino)
			return b;
	b = arena_new(a, struct bucket);
	*b = (struct bucket){ .dev = st->st_dev, .ino = st->st_ino, .next = first };
	hash_put(h, key, b);
	return b;
}

static void bucket_insert(struct arena *a, struct bucket *b, size_t at, struct known *k)
{
	if (b->n == b->room) {
		struct known **grown = arena_array(a, struct known *, b->room ? b->room * 2 : 2);

		if (b->n)
			memcpy(grown, b->known, b->n * sizeof(*grown));
		b->known = grown;
		b->room = b->room ? b->room * 2 : 2;
	}
	memmove(&b->known[at + 1], &b->known[at], (b->n - at) * sizeof(*b->known));
	b->known[at] = k;
	b->n++;
}

/* Where the description is in the bucket, or where it belongs. */
static int bucket_find(struct dump *d, const struct bucket *b, const struct file_probe *p,
		       size_t *ret_at, bool *ret_found)
{
	size_t low = 0, high = b->n;

	*ret_found = false;
	while (low < high) {
		size_t mid = (low + high) / 2;
		int order, ret = kcmp_files(p->task->stop->via, p->fd, b->known[mid]->pid,
					    b->known[mid]->fd, &order, dump_err(d));

		if (dump_vanished(d, ret))
			order = 1; /* one of the two is no more */
		else if (ret < 0)
			return ret;
		if (!order) {
			*ret_at = mid;
			*ret_found = true;
			return 0;
		}
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	*ret_at = low;
	return 0;
}

/* Who looked at many did not ask where it may have been known. */
static int complete(struct dump *d, struct file_probe *p)
{
	struct reader r = dump_reader(d);

	if (p->asked || p->fd < 0)
		return 0;
	return probe_local(p) < 0 ? p->lost : probe_ask(p, &r);
}

static int new_file(struct dump *d, struct file_probe *p, struct dump_file **ret_file)
{
	struct arena *a = dump_arena(d);
	struct dump_file *f = arena_new(a, struct dump_file);
	int ret = complete(d, p);

	if (ret < 0)
		return ret;
	for (size_t i = 0; file_classes[i] && !f->class; i++)
		if (file_classes[i]->match(p))
			f->class = file_classes[i];
	if (!f->class)
		return err_set(dump_err(d), ERR_INTERNAL, EINVAL, "no class for %s", p->magic);
	if (f->class->ask && p->answered != f->class)
		return err_set(dump_err(d), ERR_INTERNAL, EINVAL, "%s was not asked as a %s",
			       p->magic, f->class->name);
	d->files_index->asked_much += f->class->asks_much;
	f->entry = arena_msg(a, FileEntry, file_entry);
	f->entry->id = ++d->next_file_id;
	f->entry->type = f->class->type;
	arena_push(a, d->files, d->n_files, f);
	*ret_file = f;
	ret = f->class->collect(d, f, p);
	return ret < 0 ? ret : p->lost;
}

static uint64_t description_key(const struct file_probe *p)
{
	uint64_t inode = hash_mix(p->stat.st_dev, p->stat.st_ino);
	uint64_t state = hash_mix(p->info.pos, p->info.flags & ~O_CLOEXEC);

	return hash_mix(hash_mix(inode, state), p->anon ? proc_fdinfo_object(&p->info) : 0);
}

bool file_may_be_known(const struct file_probe *p)
{
	return hash_get(&p->task->dump->files_index->descriptions, description_key(p));
}

static int find_description(struct dump *d, struct file_probe *p, struct dump_file **ret_file)
{
	struct bucket *b = bucket_of(dump_arena(d), &d->files_index->descriptions,
				     description_key(p), &p->stat);
	struct known *k;
	bool found;
	size_t at = 0;
	int ret = bucket_find(d, b, p, &at, &found);

	if (ret < 0)
		return ret;
	if (found) {
		*ret_file = b->known[at]->file;
		return 0;
	}
	ret = new_file(d, p, ret_file);
	if (ret < 0)
		return ret;
	k = arena_new(dump_arena(d), struct known);
	*k = (struct known){ *ret_file, p->task->stop->via, p->fd, NULL };
	bucket_insert(dump_arena(d), b, at, k);
	return 0;
}

static int examine(struct dump_task *t, int fd, struct file_probe *ret, bool *ret_ask_cloexec)
{
	struct reader r = dump_reader(t->dump);

	return probe_fd(&t->dump->files_index->prober, &r, t, fd, ret, ret_ask_cloexec);
}

/* s: what a survey has seen, or NULL. */
static int collect_fd(struct dump_task *t, int fd, const struct descriptor *s)
{
	struct arena *a = dump_arena(t->dump);
	struct file_probe probe;
	struct dump_file *file;
	FdinfoEntry *e;
	bool ask_cloexec;
	int ret = 0;

	if (s && s->seen) {
		probe = s->probe;
		ask_cloexec = s->ask_cloexec;
	} else {
		ret = examine(t, fd, &probe, &ask_cloexec);
	}
	if (ret == 0)
		ret = find_description(t->dump, &probe, &file);
	close_fd(&probe.local);
	if (ret < 0)
		return ret;
	file_locks_collect(&probe, file->entry->id);
	e = arena_msg(a, FdinfoEntry, fdinfo_entry);
	e->id = file->entry->id;
	e->type = file->entry->type;
	e->fd = fd;
	e->flags = probe.info.flags & O_CLOEXEC ? FD_CLOEXEC : 0;
	arena_push(a, t->table->fds, t->table->n_fds, e);
	if (ask_cloexec)
		arena_push(a, t->table->asked, t->table->n_asked, (struct asked_fd){ .e = e });
	return 0;
}

/* What a team is for is seen from a table's first descriptors, which are looked at without one:
 * where less than a quarter of them asks much, threads cost more than they save. */
#define TRIED 64

static bool worth_a_survey(const struct files_index *index, size_t before)
{
	return (index->asked_much - before) * 4 >= TRIED;
}

static int collect_fds(struct dump_task *t, const struct proc_fds *fds)
{
	struct dump *d = t->dump;
	size_t before = d->files_index->asked_much;
	struct survey *v = NULL;
	const struct descriptor *seen = NULL;
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < fds->n; i++) {
		size_t left = fds->n - i, at = (i - TRIED) % SURVEY_WINDOW;

		if (i == TRIED && worth_a_survey(d->files_index, before))
			v = survey_begin(t, &d->files_index->prober, left);
		if (v && !at)
			seen = survey_look(v, &fds->fds[i],
					   left < SURVEY_WINDOW ? left : SURVEY_WINDOW);
		ret = collect_fd(t, fds->fds[i], v ? &seen[at] : NULL);
		if (dump_vanished(d, ret))
			ret = 0;
	}
	survey_end(v);
	return ret;
}

static int collect_table(struct dump_task *t)
{
	struct dump *d = t->dump;
	struct proc_fds fds;
	int ret;

	t->table = hash_get(&d->files_index->tables, t->ids->files_id);
	if (t->table)
		return 0;
	t->table = arena_new(dump_arena(d), struct dump_table);
	*t->table = (struct dump_table){ .id = t->ids->files_id, .owner = t };
	hash_put(&d->files_index->tables, t->ids->files_id, t->table);
	ret = probe_numbers(t, &fds);
	if (ret < 0)
		return ret;
	prober_begin(&d->files_index->prober, d, fds.n);
	return collect_fds(t, &fds);
}

static int collect_fs(struct dump_task *t)
{
	int ret;

	t->fs = arena_msg(dump_arena(t->dump), FsEntry, fs_entry);
	ret = dump_file_by_link(t, "cwd", O_DIRECTORY, &t->fs->cwd_id);
	if (ret == 0)
		ret = dump_file_by_link(t, "root", O_DIRECTORY, &t->fs->root_id);
	t->fs->has_umask = t->status->has_umask;
	t->fs->umask = t->status->umask;
	return ret;
}

static struct files_index *index_of(struct dump *d)
{
	if (!d->files_index) {
		d->files_index = arena_new(dump_arena(d), struct files_index);
		d->files_index->prober = (struct prober)PROBER_INIT;
	}
	return d->files_index;
}

int collect_files(struct dump *d)
{
	index_of(d);
	for (size_t i = 0; i < d->n_tasks; i++) {
		struct dump_task *t = d->tasks[i];
		int ret = 0;

		if (t->zombie)
			continue;
		ret = collect_table(t);
		if (ret == 0)
			ret = collect_fs(t);
		if (ret < 0)
			return err_add_pid(dump_err(d), t->vpid, ret);
	}
	return 0;
}

/* Files may be found in the queues of others, and so on. */
int collect_flight(struct dump *d)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < d->n_files; i++)
		if (d->files[i]->class->collect_flight)
			ret = d->files[i]->class->collect_flight(d, d->files[i]);
	for (size_t i = 0; ret == 0 && i < d->n_files; i++)
		if (d->files[i]->class->relate)
			ret = d->files[i]->class->relate(d, d->files[i]);
	return ret;
}

static int carrier_stop(struct dump *d, struct proc_stop **ret_stop)
{
	struct files_index *x = index_of(d);
	struct proc_stop *s = x->carrier_stop;
	int ret;

	*ret_stop = s;
	if (s)
		return 0;
	s = arena_new(dump_arena(d), struct proc_stop);
	s->pid = s->via = getpid();
	s->proc = (struct proc)PROC_INIT;
	s->pidfd = pidfd_open_pid(s->pid, dump_err(d));
	if (s->pidfd < 0)
		return s->pidfd;
	x->carrier_stop = *ret_stop = s;
	ret = proc_open(&s->proc, s->pid, &x->carrier_buf, dump_err(d));
	return ret;
}

/* The tool as a task of the tree; what is said of its files is said of `t`. */
static int carrier_of(struct dump_task *t, struct dump_task **ret_carrier)
{
	struct dump *d = t->dump;
	struct hash *carriers = &index_of(d)->carriers;
	struct dump_task *c = hash_get(carriers, t->vpid);
	struct proc_stop *stop;
	int ret;

	*ret_carrier = c;
	if (c)
		return 0;
	ret = carrier_stop(d, &stop);
	if (ret < 0)
		return ret;
	c = arena_new(dump_arena(d), struct dump_task);
	*c = (struct dump_task){ .dump = d,
				 .stop = stop,
				 .vpid = t->vpid,
				 .status = t->status,
				 .ids = t->ids,
				 .in_flight = true };
	c->table = arena_new(dump_arena(d), struct dump_table);
	hash_put(carriers, t->vpid, c);
	*ret_carrier = c;
	return 0;
}

int dump_file_in_flight(struct dump_task *t, int fd, uint32_t *ret_id)
{
	struct dump *d = t->dump;
	size_t known = d->n_files;
	struct file_probe probe = { .local = -1 };
	struct dump_task *carrier;
	struct dump_file *file;
	bool ask_cloexec;
	int ret = carrier_of(t, &carrier);

	prober_begin(&index_of(d)->prober, d, 0);
	if (ret == 0)
		ret = examine(carrier, fd, &probe, &ask_cloexec);
	if (ret == 0)
		ret = find_description(d, &probe, &file);
	close_fd(&probe.local);
	if (ret == 0) {
		*ret_id = file->entry->id;
		if (d->n_files > known) {
			/* It stays open: by it the file is found again. */
			file_locks_collect(&probe, *ret_id);
			return 0;
		}
	}
	close(fd);
	return ret;
}

void collect_files_end(struct dump *d)
{
	if (!d->files_index)
		return;
	if (d->files_index->carrier_stop) {
		proc_close(&d->files_index->carrier_stop->proc);
		close_fd(&d->files_index->carrier_stop->pidfd);
	}
	proc_buf_free(&d->files_index->carrier_buf);
	hash_free(&d->files_index->carriers);
	hash_free(&d->files_index->descriptions);
	hash_free(&d->files_index->paths);
	hash_free(&d->files_index->tables);
	hash_free(&d->files_index->mapped);
	prober_end(&d->files_index->prober);
}

static uint64_t hash_string(const char *s)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3u;
	return h;
}

int dump_file_by_link(struct dump_task *t, const char *magic, int flags, uint32_t *ret_id)
{
	struct dump *d = t->dump;
	struct arena *a = dump_arena(d);
	struct file_probe p = { .task = t, .fd = -1, .local = -1, .magic = magic, .domain = -1 };
	struct dump_file *file;
	struct bucket *b;
	struct known *k;
	int ret;

	ret = proc_readlink(&t->stop->proc, magic, a, &p.link, dump_err(d));
	if (ret < 0)
		return ret;
	/* Follows the link to the very file, also where its name is gone. */
	if (inode_stat(t->stop->proc.fd, magic, 0, &p.stat, &p.attributes) < 0)
		return err_sys(dump_err(d), "statx", "can't examine %s of process %d (%s)", magic,
			       t->stop->pid, p.link.path);
	b = bucket_of(a, &index_of(d)->paths,
		      hash_mix(hash_mix(p.stat.st_dev, p.stat.st_ino),
			       hash_mix(hash_string(p.link.path), flags)),
		      &p.stat);
	if (b->n) {
		*ret_id = b->known[0]->file->entry->id;
		return 0;
	}
	p.local = proc_openat(&t->stop->proc, magic, O_PATH, dump_err(d));
	if (p.local < 0)
		return p.local;
	p.info = (struct proc_fdinfo){ .flags = flags, .mnt_id = -1, .text = "" };
	ret = new_file(d, &p, &file);
	close_fd(&p.local);
	if (ret < 0)
		return ret;
	k = arena_new(a, struct known);
	*k = (struct known){ file, t->stop->via, -1, p.link.path };
	bucket_insert(a, b, 0, k);
	*ret_id = file->entry->id;
	return 0;
}

static bool shows_same(const struct proc_area *a, const struct proc_area *b)
{
	return a->ino == b->ino && a->major == b->major && a->minor == b->minor &&
	       a->deleted == b->deleted && !strcmp(a->path, b->path);
}

int dump_file_of_area(struct dump_task *t, const struct proc_area *a, const char *magic, int flags,
		      uint32_t *ret_id)
{
	uint64_t key = hash_mix(hash_mix(a->ino, ((uint64_t)a->major << 32) | a->minor),
				hash_mix(hash_string(a->path), flags));
	struct hash *known = &index_of(t->dump)->mapped;
	struct mapped *first = hash_get(known, key), *m;
	int ret;

	for (m = first; m; m = m->next)
		if (m->flags == flags && shows_same(m->area, a)) {
			*ret_id = m->id;
			return 0;
		}
	ret = dump_file_by_link(t, magic, flags, ret_id);
	if (ret < 0)
		return ret;
	m = arena_new(dump_arena(t->dump), struct mapped);
	*m = (struct mapped){ a, flags, *ret_id, first };
	hash_put(known, key, m);
	return 0;
}
