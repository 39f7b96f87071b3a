/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a set of images into the model of a restore. */
#include <errno.h>

#include "engine/restore/restore.h"
#include "image/constants.h"
#include "image/reader.h"
#include "objects/registry.h"

#define PID_LIMIT (4u << 20) /* PID_MAX_LIMIT, include/linux/threads.h */

/* Written in the order of the threads, but for those of which there is nothing to say. */
static void link_extra(struct restore_task *t, CrtoolsThreadEntry *e, size_t *next)
{
	for (size_t n = 0; e->has_tid && n < t->n_threads; n++) {
		size_t k = (*next + n) % t->n_threads;

		if (t->threads[k].vtid != (pid_t)e->tid)
			continue;
		t->threads[k].extra = e;
		*next = k + 1;
		return;
	}
}

static int read_extra(struct restore_task *t)
{
	size_t next = 0;
	int ret = image_read_opt(t->r->s->images, IMAGE_CRTOOLS_TASK, t->vpid, restore_arena(t->r),
				 restore_err(t->r), &t->extra);

	for (size_t i = 0; ret == 0 && t->extra && i < t->extra->n_threads; i++)
		link_extra(t, t->extra->threads[i], &next);
	return ret;
}

static int read_threads(struct restore_task *t)
{
	struct restore *r = t->r;
	int ret = 0;

	t->n_threads = t->pstree->n_threads;
	if (!t->n_threads || (pid_t)t->pstree->threads[0] != t->vpid)
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "pstree.img: the first thread of task %d is not its leader",
			       t->vpid);
	t->threads = arena_array(restore_arena(r), struct restore_thread, t->n_threads);
	for (size_t i = 0; ret == 0 && i < t->n_threads; i++) {
		t->threads[i] = (struct restore_thread){ .task = t, .vtid = t->pstree->threads[i] };
		hash_put(&r->thread_ids, t->threads[i].vtid, t);
		if (i == 0)
			t->threads[i].core = t->core;
		else
			ret = image_read_one(r->s->images, IMAGE_CORE, t->threads[i].vtid,
					     restore_arena(r), restore_err(r), &t->threads[i].core);
		if (ret == 0 && !t->zombie && !t->threads[i].core->thread_core)
			ret = err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
				      "core-%d.img holds no thread state", t->threads[i].vtid);
	}
	return ret;
}

static struct restore_file *file_of(struct restore *r, FileEntry *e)
{
	struct restore_file *f = arena_new(restore_arena(r), struct restore_file);

	*f = (struct restore_file){
		.entry = e, .id = e->id, .stage_fd = -1, .class = file_class_of(e->type)
	};
	return f;
}

static bool is_tun_file(const struct restore_file *f)
{
	return f && f->entry->type == FD_TYPES__TUNF;
}

static int read_files(struct restore *r)
{
	FileEntry **entries;
	size_t n;
	int ret = image_read_all(r->s->images, IMAGE_FILES, 0, restore_arena(r), restore_err(r),
				 &entries, &n);

	if (ret < 0)
		return ret;
	r->files = arena_array(restore_arena(r), struct restore_file *, n);
	hash_reserve(&r->file_by_id, n);
	for (size_t i = 0; i < n; i++) {
		struct restore_file *f = file_of(r, entries[i]);

		if (!f->class)
			return err_set(restore_err(r), ERR_LATER, EOPNOTSUPP,
				       "files.img: file %u is of type %d, which this version can't "
				       "restore",
				       f->id, entries[i]->type);
		f->index = r->n_files;
		r->files[r->n_files++] = f;
		/* Of a tun file, which is two entries, descriptors mean this one. */
		if (!is_tun_file(restore_file_by_id(r, f->id)))
			hash_put(&r->file_by_id, f->id, f);
	}
	return 0;
}

static int read_table(struct restore_task *t)
{
	struct restore *r = t->r;
	FdinfoEntry **entries;
	size_t n;
	int ret;

	t->table = hash_get(&r->table_by_id, t->ids->files_id);
	if (t->table)
		return 0;
	t->table = arena_new(restore_arena(r), struct restore_table);
	*t->table = (struct restore_table){ .id = t->ids->files_id, .owner = t };
	hash_put(&r->table_by_id, t->table->id, t->table);
	ret = image_read_all(r->s->images, IMAGE_FDINFO, t->table->id, restore_arena(r),
			     restore_err(r), &entries, &n);
	if (ret < 0)
		return ret;
	t->table->fds = arena_array(restore_arena(r), struct restore_fd, n);
	for (size_t i = 0; i < n; i++) {
		struct restore_file *f = restore_file_by_id(r, entries[i]->id);

		if (!f)
			return err_set(
				restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
				"fdinfo-%u.img: descriptor %u refers to file %u, which is not in "
				"files.img",
				t->table->id, entries[i]->fd, entries[i]->id);
		t->table->fds[t->table->n_fds++] = (struct restore_fd){ entries[i], f };
	}
	return 0;
}

static int read_areas(struct restore_task *t)
{
	t->n_vmas = t->mm->n_vmas;
	t->vmas = arena_array(restore_arena(t->r), struct restore_vma, t->n_vmas);
	for (size_t i = 0; i < t->n_vmas; i++) {
		VmaEntry *e = t->mm->vmas[i];

		t->vmas[i] = (struct restore_vma){ .e = e, .class = area_class_of(e) };
		if (!t->vmas[i].class)
			return err_set(
				restore_err(t->r), ERR_LATER, EOPNOTSUPP,
				"mm-%d.img: the area %llx-%llx is of a kind (status 0x%x) that "
				"this version can't restore",
				t->vpid, (unsigned long long)e->start, (unsigned long long)e->end,
				e->status);
	}
	return 0;
}

static int read_task(struct restore_task *t)
{
	const struct image_dir *dir = t->r->s->images;
	struct arena *a = restore_arena(t->r);
	struct err *err = restore_err(t->r);
	int ret = image_read_one(dir, IMAGE_CORE, t->vpid, a, err, &t->core);

	if (ret < 0)
		return ret;
	if (!t->core->tc)
		return err_set(err, ERR_IMAGE_CORRUPT, EINVAL, "core-%d.img holds no task state",
			       t->vpid);
	t->zombie = t->core->tc->task_state == TASK_STATE_DEAD;
	ret = image_read_opt(dir, IMAGE_IDS, t->vpid, a, err, &t->ids);
	if (ret < 0)
		return ret;
	if (t->zombie)
		return read_extra(t);
	if (!t->ids)
		t->ids = t->core->ids; /* old images */
	if (!t->ids)
		return err_set(err, ERR_IMAGE_MISSING, ENOENT, "ids-%d.img is missing", t->vpid);
	ret = read_threads(t);
	if (ret == 0)
		ret = image_read_one(dir, IMAGE_MM, t->vpid, a, err, &t->mm);
	if (ret == 0)
		ret = image_read_one(dir, IMAGE_FS, t->vpid, a, err, &t->fs);
	if (ret == 0)
		ret = read_extra(t);
	if (ret == 0)
		ret = read_table(t);
	return ret < 0 ? ret : read_areas(t);
}

static int link_task(struct restore *r, struct restore_task *t)
{
	if (!t->pstree->ppid) {
		if (r->root)
			return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
				       "pstree.img has two roots, %d and %d", r->root->vpid,
				       t->vpid);
		r->root = t;
		return 0;
	}
	t->parent = hash_get(&r->task_by_pid, t->pstree->ppid);
	if (!t->parent)
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "pstree.img: task %d comes before its parent %u, or has none",
			       t->vpid, t->pstree->ppid);
	arena_push(restore_arena(r), t->parent->children, t->parent->n_children, t);
	return 0;
}

/* Of ids only those that a kernel can give. 0 is "none", or outside of the pid namespace. Of
 * one thread there is nothing to check: it has the task's id, and CRIU writes any number as the
 * thread of a task that has ended. */
static int check_ids(struct restore *r, const PstreeEntry *e)
{
	const struct {
		const char *field;
		uint32_t id;
	} ids[] = { { "pid", e->pid }, { "ppid", e->ppid }, { "pgid", e->pgid }, { "sid", e->sid } };

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		if (ids[i].id > PID_LIMIT || (i == 0 && !ids[i].id))
			return err_set(restore_err(r), ERR_IMAGE_CORRUPT, ERANGE,
				       "pstree.img: task %u, field %s: %u is no id of a process",
				       e->pid, ids[i].field, ids[i].id);
	for (size_t i = 0; e->n_threads > 1 && i < e->n_threads; i++)
		if (!e->threads[i] || e->threads[i] > PID_LIMIT)
			return err_set(
				restore_err(r), ERR_IMAGE_CORRUPT, ERANGE,
				"pstree.img: task %u, field threads: %u is no id of a thread",
				e->pid, e->threads[i]);
	return 0;
}

static int read_tree(struct restore *r)
{
	PstreeEntry **entries;
	size_t n;
	int ret = image_read_all(r->s->images, IMAGE_PSTREE, 0, restore_arena(r), restore_err(r),
				 &entries, &n);

	if (ret == 0)
		hash_reserve(&r->task_by_pid, n);
	for (size_t i = 0; ret == 0 && i < n; i++) {
		struct restore_task *t = arena_new(restore_arena(r), struct restore_task);

		*t = (struct restore_task){
			.r = r, .pstree = entries[i], .vpid = entries[i]->pid, .index = i
		};
		ret = check_ids(r, entries[i]);
		if (ret < 0)
			return ret;
		if (hash_get(&r->task_by_pid, t->vpid))
			return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
				       "pstree.img has task %d twice", t->vpid);
		hash_put(&r->task_by_pid, t->vpid, t);
		arena_push(restore_arena(r), r->tasks, r->n_tasks, t);
		ret = link_task(r, t);
	}
	if (ret == 0 && !r->root)
		ret = err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL, "pstree.img has no root");
	return ret;
}

int read_images(struct restore *r)
{
	int ret = image_dir_hold(r->s->images_fd, ".", restore_err(r), &r->s->images);

	if (ret < 0)
		return ret;
	r->inventory = (InventoryEntry *)image_dir_inventory(r->s->images);
	ret = read_tree(r);
	if (ret == 0)
		ret = read_files(r);
	for (size_t i = 0; ret == 0 && i < r->n_tasks; i++)
		ret = err_add_pid(restore_err(r), r->tasks[i]->vpid, read_task(r->tasks[i]));
	return ret;
}

struct restore_file *restore_file_by_id(const struct restore *r, uint32_t id)
{
	return hash_get(&r->file_by_id, id);
}
