/* SPDX-License-Identifier: Apache-2.0 */
/* Reads an image set for show; see show.h. What a set of another age lacks is left out. */
#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "front/cli/show.h"
#include "image/constants.h"
#include "image/reader.h"

static int read_tree(struct show *s)
{
	struct err *err = s->run->err;
	struct hash by_pid = { 0 };
	PstreeEntry **entries;
	size_t n;
	int ret = image_read_all(s->dir, IMAGE_PSTREE, 0, s->arena, err, &entries, &n);

	for (size_t i = 0; !ret && i < n; i++) {
		struct show_task *t = arena_new(s->arena, struct show_task);

		t->e = entries[i];
		/* Parents come first; what names a later one, or itself, is shown as a root. */
		t->parent = hash_get(&by_pid, t->e->ppid);
		if (t->parent)
			arena_push(s->arena, t->parent->children, t->parent->n_children, t);
		hash_put(&by_pid, t->e->pid, t);
		arena_push(s->arena, s->tasks, s->n_tasks, t);
		s->n_threads += t->e->n_threads;
	}
	hash_free(&by_pid);
	return ret;
}

static uint64_t entry_pages(const PagemapEntry *e)
{
	return e->has_nr_pages ? e->nr_pages : e->compat_nr_pages;
}

/* Old images say in_parent, newer ones have flags; without either the pages are there. */
static bool is_in_parent(const PagemapEntry *e)
{
	return (e->has_flags && e->flags & PE_PARENT) || (e->has_in_parent && e->in_parent);
}

static int add_pagemap(struct show *s, enum image_kind kind, uint64_t key, uint64_t *here,
		       uint64_t *in_parent)
{
	PagemapEntry **entries;
	size_t n;
	int ret = image_read_all(s->dir, kind, key, s->arena, s->run->err, &entries, &n);

	/* The first message is the head. */
	for (size_t i = 1; !ret && i < n; i++)
		*(is_in_parent(entries[i]) ? in_parent : here) +=
			entry_pages(entries[i]) * s->page_size;
	return ret;
}

static int read_fds(struct show *s, struct show_task *t)
{
	TaskKobjIdsEntry *ids = t->core->ids;
	int ret = 0;

	if (!ids)
		ret = image_read_opt(s->dir, IMAGE_IDS, t->e->pid, s->arena, s->run->err, &ids);
	if (ret || !ids)
		return ret;
	return image_read_all(s->dir, IMAGE_FDINFO,
			      s->inventory->fdinfo_per_id ? ids->files_id : t->e->pid, s->arena,
			      s->run->err, &t->fds, &t->n_fds);
}

static int read_task(struct show *s, struct show_task *t)
{
	struct err *err = s->run->err;
	uint32_t pid = t->e->pid;
	int ret = image_read_one(s->dir, IMAGE_CORE, pid, s->arena, err, &t->core);

	if (!ret)
		ret = image_read_opt(s->dir, IMAGE_MM, pid, s->arena, err, &t->mm);
	if (!ret)
		ret = image_read_opt(s->dir, IMAGE_FS, pid, s->arena, err, &t->fs);
	if (!ret)
		ret = read_fds(s, t);
	if (!ret && image_dir_has(s->dir, IMAGE_PAGEMAP, pid))
		ret = add_pagemap(s, IMAGE_PAGEMAP, pid, &t->dumped, &t->in_parent);
	for (size_t i = 0; !ret && t->mm && i < t->mm->n_vmas; i++)
		t->mapped += t->mm->vmas[i]->end - t->mm->vmas[i]->start;
	return ret;
}

static int read_files(struct show *s)
{
	struct err *err = s->run->err;
	RemapFilePathEntry **remaps;
	MemfdInodeEntry **memfds;
	FileEntry **files;
	size_t n;
	int ret = image_read_all(s->dir, IMAGE_FILES, 0, s->arena, err, &files, &n);

	for (size_t i = 0; !ret && i < n; i++)
		hash_put(&s->files, files[i]->id, files[i]);
	if (!ret)
		ret = image_read_all(s->dir, IMAGE_REMAP_FPATH, 0, s->arena, err, &remaps, &n);
	for (size_t i = 0; !ret && i < n; i++)
		hash_put(&s->remaps, remaps[i]->orig_id, remaps[i]);
	if (!ret)
		ret = image_read_all(s->dir, IMAGE_MEMFD_INODE, 0, s->arena, err, &memfds, &n);
	for (size_t i = 0; !ret && i < n; i++)
		hash_put(&s->memfds, memfds[i]->inode_id, memfds[i]);
	return ret;
}

static int read_sizes(struct show *s)
{
	uint64_t in_parent = 0;
	int ret = image_dir_list(s->dir, s->arena, s->run->err, &s->images, &s->n_images);

	for (size_t i = 0; !ret && i < s->n_images; i++) {
		const struct image_file *f = &s->images[i];

		s->image_bytes += f->size;
		if (f->kind == IMAGE_PAGES)
			s->page_bytes += f->size;
		if (f->kind == IMAGE_SHMEM_PAGEMAP)
			ret = add_pagemap(s, f->kind, f->key, &s->shared_dumped, &in_parent);
	}
	return ret;
}

/* Statistics are in the work directory, which is the images directory unless it was given: a show
 * of images elsewhere does without. */
static int read_stats(struct show *s)
{
	StatsEntry **stats;
	size_t n;
	int ret = image_read_service(image_dir_fd(s->dir), IMAGE_STATS_DUMP, s->arena, s->run->err,
				     &stats, &n);

	if (!ret && n)
		s->stats = stats[0]->dump;
	return ret;
}

int show_load(struct run *run, struct show *ret)
{
	int r;

	*ret = (struct show){ .run = run, .arena = &run->s.arena, .page_size = 4096 };
	r = image_dir_open(AT_FDCWD, run->opts->images_dir, run->err, &ret->dir);
	if (r)
		return r;
	ret->inventory = image_dir_inventory(ret->dir);
	ret->manifest = image_dir_manifest(ret->dir);
	if (ret->manifest && ret->manifest->has_page_size)
		ret->page_size = ret->manifest->page_size;
	r = read_tree(ret);
	for (size_t i = 0; !r && i < ret->n_tasks; i++)
		r = read_task(ret, ret->tasks[i]);
	if (!r)
		r = read_files(ret);
	if (!r)
		r = read_sizes(ret);
	return r ? r : read_stats(ret);
}

void show_free(struct show *s)
{
	hash_free(&s->files);
	hash_free(&s->remaps);
	hash_free(&s->memfds);
	image_dir_close(s->dir);
}

const struct show_task *show_task_by_pid(const struct show *s, uint32_t pid)
{
	for (size_t i = 0; i < s->n_tasks; i++)
		if (s->tasks[i]->e->pid == pid)
			return s->tasks[i];
	return NULL;
}
