/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private memory goes to its pages files, of many tasks by a team, of a large one by the workers of
 * pages/save.c.
 *
 * Nothing of a frozen process' memory changes any more, but for what the visit of the agent does:
 * its foothold in the vdso, which the visit takes back, and the pointer to a restartable sequence,
 * which the kernel may clear and the class puts back. So where there is enough memory it is saved
 * by other threads from before the visit on, while the tool's first thread, the only one that may
 * use ptrace(2), visits the tasks and writes their entries. By then the classes have told what
 * can't be kept; what is refused later on takes the pages along with the hidden folder that they
 * are in. The vdso is saved again, behind the visit. Memory that requests to the kernel may still
 * fill is left for later as a whole, with the rings that tell of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/team.h"
#include "engine/dump/dump.h"
#include "image/constants.h"
#include "kernel/ptrace.h"
#include "objects/registry.h"
#include "objects/segments.h"
#include "pages/save.h"

#define GIVE_BACK   (1u << 20) /* bytes of the heap that are worth the call */
#define TASKS_WORTH 8 /* pay for a thread; for those with much memory save.c has threads anyway */
#define BYTES_WORTH (UINT64_C(1) << 20) /* pay for a thread beside the visit */

/* What a visit may write to, and where in the pages file it is. */
struct visited {
	uint64_t start, end, off;
};

/* The memory of one task, as a part of the work of a team. */
struct task_saving {
	struct dump_task *t;
	struct saving *whole;
	uint32_t pages_id;
	uint64_t bytes; /* that were saved */
	struct page_extents x;
	struct page_source src;
	struct page_sink sink;
	int fd;			/* of the pages file */
	struct page_left *left; /* for the tool's first thread, the tracer */
	struct visited *visited;
	size_t n_visited;
};

/* Of all tasks. */
struct saving {
	struct progress progress;
	bool early; /* before the visit */
	struct team *team;
	_Atomic bool unwanted;
	struct err err; /* of the team: a step beside it that fails is to tell its own reason */
	struct task_saving *parts;
	size_t n;
};

static int save_pages(struct task_saving *s)
{
	struct dump_task *t = s->t;
	struct image_dir *dir = t->dump->s->images;
	struct saving *all = s->whole;
	int ret;

	ret = page_extents_write(&s->x, dir, IMAGE_PAGEMAP, t->vpid, s->pages_id, &all->err);
	if (ret == 0)
		ret = image_dir_create_raw(dir, IMAGE_PAGES, s->pages_id, 0, &all->err, &s->fd);
	if (ret < 0)
		return ret;
	page_source_process(&s->src, t->stop->via, t->stop->mem_fd);
	s->src.unwanted = &all->unwanted;
	page_sink_open(&s->sink, s->fd, &s->x);
	s->bytes = s->x.bytes;
	return pages_copy(&s->x, &s->src, &s->sink, &all->progress, &s->left, &all->err);
}

static void close_part(struct task_saving *s)
{
	if (s->fd >= 0)
		page_sink_close(&s->sink);
	close_fd(&s->fd);
	page_extents_free(&s->x);
}

static int note_visited(struct task_saving *s)
{
	const struct dump_task *t = s->t;

	for (size_t i = 0; i < t->n_vmas; i++) {
		const VmaEntry *e = t->vmas[i].vma;
		const struct page_extent *x;
		struct visited *grown;

		if (!saved_whole(e))
			continue;
		x = &s->x.e[page_extents_find(&s->x, e->start)];
		grown = realloc(s->visited, (s->n_visited + 1) * sizeof(*grown));
		if (!grown)
			return err_set(&s->whole->err, ERR_RESOURCE, ENOMEM, "no memory");
		s->visited = grown;
		s->visited[s->n_visited++] =
			(struct visited){ e->start, e->end, x->file_off + (e->start - x->start) };
	}
	return 0;
}

static int save_task(void *data, size_t who, size_t part)
{
	struct task_saving *s = (struct task_saving *)data + part;
	int ret;

	(void)who;
	build_extents(s->t, &s->x);
	ret = s->whole->early ? note_visited(s) : 0;
	if (ret == 0)
		ret = save_pages(s);
	if (!s->left)
		close_part(s);
	return ret < 0 ? err_add_pid(&s->whole->err, s->t->vpid, ret) : 0;
}

/* What only the tracer may read; ret: what has failed already. */
static int save_left(struct task_saving *s, int ret)
{
	struct saving *all = s->whole;

	if (!s->left)
		return ret;
	if (ret == 0) {
		ret = pages_copy_left(&s->x, &s->src, &s->sink, &all->progress, s->left, &all->err);
		ret = ret < 0 ? err_add_pid(&all->err, s->t->vpid, ret) : 0;
	} else {
		page_left_free(s->left);
	}
	close_part(s);
	return ret;
}

static int save_area(const struct task_saving *s, int fd, const struct visited *v)
{
	_cleanup_free_ char *buf = malloc(v->end - v->start);
	struct err *err = &s->whole->err;
	int ret;

	if (!buf)
		return err_set(err, ERR_RESOURCE, ENOMEM, "no memory to copy pages");
	ret = mem_read(s->t->stop->mem_fd, v->start, buf, v->end - v->start);
	if (ret < 0)
		return err_set(err, ERR_KERNEL, -ret, "can't read memory %llx-%llx",
			       (unsigned long long)v->start, (unsigned long long)v->end);
	ret = pwrite_full(fd, buf, v->end - v->start, v->off);
	return ret < 0 ? err_set(err, ERR_IMAGE_WRITE, -ret, "can't write pages") : 0;
}

/* What the visit has written to, now that it is as it was. Descriptors of thousands of tasks were
 * not kept for that. */
static int save_visited(struct task_saving *s, int ret)
{
	_cleanup_fd_ int fd = -1;

	if (ret == 0 && s->n_visited)
		ret = image_dir_open_raw(s->t->dump->s->images, IMAGE_PAGES, s->pages_id, O_RDWR,
					 &s->whole->err, &fd);
	for (size_t i = 0; ret == 0 && i < s->n_visited; i++)
		ret = save_area(s, fd, &s->visited[i]);
	free(s->visited);
	s->visited = NULL;
	return ret < 0 ? err_add_pid(&s->whole->err, s->t->vpid, ret) : 0;
}

/* What the tasks have for themselves, as it was found: near enough to tell a person. */
static uint64_t found_bytes(const struct dump *d)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < d->n_tasks; i++) {
		const struct page_runs *runs = d->tasks[i]->priv[SLOT_PAGES];

		for (size_t k = 0; runs && k < runs->n; k++)
			if (!(runs->runs[k].categories & PM_GUARD))
				bytes += runs->runs[k].end - runs->runs[k].start;
	}
	return bytes;
}

/* Here the tool's memory is at its largest: what the steps before have freed is not to count. */
static void give_back(void)
{
	if (mallinfo2().fordblks > GIVE_BACK)
		malloc_trim(0);
}

static struct saving *prepare(struct dump *d, uint64_t bytes)
{
	struct saving *s = arena_new(dump_arena(d), struct saving);

	give_back();
	s->parts = arena_array(dump_arena(d), struct task_saving, d->n_tasks);
	for (size_t i = 0; i < d->n_tasks; i++)
		if (!d->tasks[i]->zombie)
			s->parts[s->n++] = (struct task_saving){ .t = d->tasks[i],
								 .whole = s,
								 .fd = -1,
								 .pages_id = ++d->next_pages_id };
	progress_start(&s->progress, "Saving memory", bytes, PROGRESS_BYTES);
	return s;
}

/* Requests of io_uring, or of Linux AIO, may be under way. */
static bool kernel_may_write(const struct dump *d)
{
	for (size_t i = 0; i < d->n_tasks; i++) {
		const struct dump_task *t = d->tasks[i];

		if (!t->zombie && (is_owed(t) || t->mm->n_aios))
			return true;
	}
	return false;
}

void begin_memory(struct dump *d)
{
	uint64_t bytes = found_bytes(d);
	struct saving *s;

	/* What is refused already is told when all is known. */
	if (bytes < BYTES_WORTH || d->s->report.refusals || kernel_may_write(d))
		return;
	s = d->saving = prepare(d, bytes);
	s->early = true;
	/* Without another processor it waits for its turn. */
	s->early = team_start(&s->team, s->n / TASKS_WORTH + 1, s->n, save_task, s->parts) == 0;
}

int finish_memory(struct dump *d)
{
	struct saving *s = d->saving ? d->saving : prepare(d, found_bytes(d));
	int ret;

	d->saving = NULL;
	ret = s->early ? team_finish(s->team)
		       : team_run(team_size(s->n, TASKS_WORTH), s->n, save_task, s->parts);
	for (size_t i = 0; i < s->n; i++) {
		ret = save_left(&s->parts[i], ret);
		ret = save_visited(&s->parts[i], ret);
		d->s->stats.pages_written += s->parts[i].bytes / PAGE_SIZE_;
		d->s->stats.pages_scanned += s->parts[i].t->status->vm_size / PAGE_SIZE_;
	}
	progress_end(&s->progress);
	if (ret < 0 && !err_is_set(dump_err(d)))
		*dump_err(d) = s->err;
	return ret < 0 ? ret : segments_write_pages(d);
}

void abandon_memory(struct dump *d)
{
	struct saving *s = d->saving;

	if (!s)
		return;
	d->saving = NULL;
	s->unwanted = true;
	if (s->early)
		team_abandon(s->team);
	for (size_t i = 0; i < s->n; i++) {
		save_left(&s->parts[i], -ECANCELED);
		save_visited(&s->parts[i], -ECANCELED);
	}
	progress_end(&s->progress);
}
