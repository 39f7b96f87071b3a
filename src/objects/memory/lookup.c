/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the file of a mapping is reached. Exact is its link in /proc/PID/map_files, which the kernel
 * follows only for who has CAP_CHECKPOINT_RESTORE in the first user namespace (fs/proc/base.c,
 * proc_map_files_get_link): neither for root in a user namespace, nor in most containers. Without
 * it the file is looked for under the name that maps shows, as a program that a task runs, and
 * among the descriptors of the tree. It counts if it is the same inode: stat(2) shows the device
 * and number of maps, or, where it has others (overlayfs, btrfs), the tool maps it and finds the
 * two in its own maps. While an inode is mapped, no other one gets its number.
 *
 * Shared memory that no descriptor leads to is kept by view.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "kernel/proc/fd.h"
#include "objects/memory/areas.h"
#include "objects/registry.h"

/* A mapped file, as maps shows it, and what leads to it. */
struct found {
	const struct proc_area *area;
	const char *link;
	struct found *next; /* same hash */
};

struct lookups {
	struct hash found;
	enum { UNKNOWN, OPEN, CLOSED } map_files;
};

static struct lookups *lookups_of(struct dump *d)
{
	struct lookups *l = d->priv[SLOT_LOOKUPS];

	if (!l) {
		l = d->priv[SLOT_LOOKUPS] = arena_new(dump_arena(d), struct lookups);
		session_own_hash(d->s, &l->found);
	}
	return l;
}

const char *area_map_file(struct arena *arena, const struct proc_area *a)
{
	return arena_printf(arena, "map_files/%llx-%llx", (unsigned long long)a->start,
			    (unsigned long long)a->end);
}

/* The answer is the same for all areas: it is about the tool. */
static bool is_closed(struct lookups *l, const struct dump_task *t, const char *link)
{
	struct stat st;

	if (l->map_files != UNKNOWN)
		return l->map_files == CLOSED;
	if (fstatat(t->stop->proc.fd, link, &st, 0) == 0)
		l->map_files = OPEN;
	else if (errno == EPERM || errno == EACCES ||
		 fstatat(t->stop->proc.fd, "map_files", &st, 0) < 0) /* not configured */
		l->map_files = CLOSED;
	return l->map_files == CLOSED;
}

/* --- is it the same file? --------------------------------------------------------------------- */

static bool is_shown_at(uint64_t at, const struct proc_area *want)
{
	_cleanup_(proc_close) struct proc self = PROC_INIT;
	_cleanup_(proc_buf_free) struct proc_buf buf = { 0 };
	const struct proc_area *a = NULL;
	struct arena arena = { 0 };
	struct proc_areas areas;
	bool same;

	if (proc_open(&self, getpid(), &buf, NULL) == 0 &&
	    proc_maps(&self, &arena, &areas, NULL) == 0)
		a = proc_areas_find(&areas, at);
	same = a && a->ino == want->ino && a->major == want->major && a->minor == want->minor;
	arena_free(&arena);
	return same;
}

static bool maps_show_same(int file, const struct proc_area *a)
{
	_cleanup_fd_ int fd = -1;
	char name[40];
	bool same;
	void *p;

	snprintf(name, sizeof(name), "/proc/self/fd/%d", file);
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	p = fd < 0 ? MAP_FAILED : mmap(NULL, PAGE_SIZE_, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return false;
	same = is_shown_at((uint64_t)p, a);
	munmap(p, PAGE_SIZE_);
	return same;
}

static bool is_same(int file, const struct proc_area *a)
{
	struct stat st;

	if (file < 0 || fstat(file, &st) < 0)
		return false;
	if (st.st_ino == a->ino && gnu_dev_major(st.st_dev) == a->major &&
	    gnu_dev_minor(st.st_dev) == a->minor)
		return true;
	return S_ISREG(st.st_mode) && maps_show_same(file, a);
}

/* --- where could it be? ----------------------------------------------------------------------- */

static void close_kept(void *data)
{
	int *fd = data;

	close_fd(fd);
}

const char *area_keep_fd(struct dump *d, int fd)
{
	int *kept = arena_new(dump_arena(d), int);

	*kept = fd;
	undo_push(&d->s->undo, close_kept, kept);
	return arena_printf(dump_arena(d), "/proc/self/fd/%d", fd);
}

static const char *by_name(struct dump_task *t, const struct proc_area *a)
{
	_cleanup_fd_ int fd = -1;

	if (a->path[0] != '/' || a->deleted)
		return NULL;
	fd = open(a->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return is_same(fd, a) ? area_keep_fd(t->dump, TAKE_FD(fd)) : NULL;
}

static bool leads_to(const struct dump_task *owner, const char *link, const struct proc_area *a)
{
	_cleanup_fd_ int fd = openat(owner->stop->proc.fd, link, O_PATH | O_CLOEXEC);

	return is_same(fd, a);
}

static const char *below_proc(struct dump *d, const struct dump_task *owner, const char *link)
{
	return arena_printf(dump_arena(d), "/proc/%d/%s", owner->stop->via, link);
}

static const char *by_descriptor(struct dump *d, const struct dump_task *owner,
				 const struct proc_area *a)
{
	struct proc_fds fds;
	char link[32];

	if (proc_fds(&owner->stop->proc, dump_arena(d), &fds, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < fds.n; i++) {
		snprintf(link, sizeof(link), "fd/%d", fds.fds[i]);
		if (leads_to(owner, link, a))
			return below_proc(d, owner, link);
	}
	return NULL;
}

static const char *by_tree(struct dump *d, const struct proc_area *a)
{
	const char *link = NULL;

	for (size_t i = 0; !link && i < d->n_tasks; i++) {
		if (d->tasks[i]->zombie)
			continue;
		link = leads_to(d->tasks[i], "exe", a) ? below_proc(d, d->tasks[i], "exe")
						       : by_descriptor(d, d->tasks[i], a);
	}
	return link;
}

/* --- */

static uint64_t key_of(const struct proc_area *a)
{
	return hash_mix(a->ino, ((uint64_t)a->major << 32) | a->minor);
}

static const char *known(const struct lookups *l, const struct proc_area *a)
{
	const struct found *f = hash_get(&l->found, key_of(a));

	while (f && (f->area->ino != a->ino || f->area->major != a->major ||
		     f->area->minor != a->minor || f->area->deleted != a->deleted ||
		     strcmp(f->area->path, a->path)))
		f = f->next;
	return f ? f->link : NULL;
}

static const char *search(struct dump_task *t, struct lookups *l, const struct proc_area *a)
{
	const char *link = by_name(t, a) ?: by_tree(t->dump, a);
	struct found *f;

	if (!link)
		return NULL;
	f = arena_new(dump_arena(t->dump), struct found);
	*f = (struct found){ a, link, hash_get(&l->found, key_of(a)) };
	hash_put(&l->found, key_of(a), f);
	return link;
}

const char *area_link(struct dump_task *t, const struct proc_area *a)
{
	struct lookups *l = lookups_of(t->dump);
	const char *link = area_map_file(dump_arena(t->dump), a);

	if (!is_closed(l, t, link))
		return link;
	link = known(l, a) ?: view_known(t, a) ?: search(t, l, a) ?: view_make(t, a);
	if (!link)
		task_refuse(
			t, area_object(dump_arena(t->dump), a),
			"is mapped, has no name any more and no descriptor in the tree: without "
			"/proc/PID/map_files there is no way to it",
			"Give crtools CAP_CHECKPOINT_RESTORE, and run it outside of a user "
			"namespace.");
	return link;
}
