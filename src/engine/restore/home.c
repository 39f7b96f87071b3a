/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room for the tool inside of the tasks that it builds: a range of addresses that no task of the
 * tree uses (nor the tool itself), and numbers of descriptors that no task uses.
 *
 * The home range: at its start the shared page (struct restore_shared), then the threads' ways out,
 * the programs of the task, then a place for areas that could not be mapped where they belong yet.
 * As the range is the same everywhere, children inherit what lies in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/restore/restore.h"
#include "kernel/address.h"
#include "kernel/proc/maps.h"
#include "objects/process/core.h"
#include "task/exits.h"

#define GUARD	 (UINT64_C(16) << 20) /* kept free at both ends: stacks grow, brk grows */
#define AREA_AT	 (UINT64_C(1) << 20)
#define STAGE_AT (UINT64_C(1) << 30)
#define UNIT_32	 (UINT64_C(64) << 20) /* the same where addresses have 32 bits */
#define LIMIT_32 UINT64_C(0xffffe000)

struct range {
	uint64_t start, end;
};

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static int own_areas(struct restore *r, struct proc_areas *ret)
{
	struct proc_buf buf = { 0 };
	struct proc self = PROC_INIT;
	int err = proc_open(&self, getpid(), &buf, restore_err(r));

	if (err == 0)
		err = proc_maps(&self, restore_arena(r), ret, restore_err(r));
	proc_close(&self);
	proc_buf_free(&buf);
	return err;
}

/* The largest hole below the limit. */
static struct range largest_hole(struct range *used, size_t n, uint64_t limit)
{
	struct range best = { 0, 0 };
	uint64_t end = 65536;

	qsort(used, n, sizeof(*used), by_start);
	for (size_t i = 0; i <= n; i++) {
		uint64_t start = i < n && used[i].start < limit ? used[i].start : limit;

		if (start > end && start - end > best.end - best.start)
			best = (struct range){ end, start };
		if (i < n && used[i].end > end)
			end = used[i].end;
	}
	return best;
}

/* 32-bit programs must be able to give addresses in it to the kernel. */
static bool any_compat(const struct restore *r)
{
	for (size_t i = 0; i < r->n_tasks; i++)
		if (r->tasks[i]->mm && cpu_compat(r->tasks[i]->core))
			return true;
	return false;
}

static int find_home(struct restore *r)
{
	bool compat = any_compat(r);
	uint64_t unit = compat ? UNIT_32 : STAGE_AT;
	struct proc_areas own;
	size_t n = 0, room = 0;
	struct range *used, hole;
	int ret = own_areas(r, &own);

	if (ret < 0)
		return ret;
	for (size_t i = 0; i < r->n_tasks; i++)
		room += r->tasks[i]->n_vmas;
	used = arena_array(restore_arena(r), struct range, room + own.n);
	for (size_t i = 0; i < r->n_tasks; i++)
		for (size_t k = 0; k < r->tasks[i]->n_vmas; k++) {
			const VmaEntry *e = r->tasks[i]->vmas[k].e;

			used[n++] = (struct range){ e->start, e->end };
		}
	for (size_t i = 0; i < own.n; i++)
		used[n++] = (struct range){ own.areas[i].start, own.areas[i].end };
	hole = largest_hole(used, n, compat ? LIMIT_32 : address_window());
	if (hole.end - hole.start < 2 * GUARD + 3 * unit)
		return err_set(restore_err(r), ERR_RESOURCE, ENOMEM,
			       "the tasks leave no hole in the address space to work from");
	r->home = (hole.start + GUARD + unit - 1) & ~(unit - 1);
	r->home_size = (hole.end - GUARD - r->home) & ~(unit - 1);
	r->stage_from = r->stage_at = r->home + unit;
	return 0;
}

uint64_t stage_alloc(struct restore *r, uint64_t size)
{
	uint64_t at = r->stage_at;

	if (size > r->home + r->home_size - at)
		return 0;
	/* Huge pages keep their alignment, and neighbours do not merge. */
	r->stage_at = (at + size + (UINT64_C(4) << 20)) & ~((UINT64_C(2) << 20) - 1);
	return at;
}

static int map_shared(struct restore *r)
{
	size_t threads = 1;
	size_t headers = sizeof(*r->shared) + r->n_tasks * sizeof(uint64_t);
	size_t size = (headers + r->n_files * sizeof(int) + 4095) & ~4095ul;
	void *p = mmap((void *)r->home, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p == MAP_FAILED)
		return err_sys(restore_err(r), "mmap", "can't map the page that tasks share");
	r->shared = p;
	r->exits_at = r->home + size;
	for (size_t i = 0; i < r->n_tasks; i++)
		threads = r->tasks[i]->n_threads > threads ? r->tasks[i]->n_threads : threads;
	size = (size + exits_size(threads) + AREA_AT - 1) & ~(AREA_AT - 1);
	r->late_fds = (_Atomic int *)((char *)p + headers);
	for (size_t i = 0; i < r->n_tasks; i++)
		r->tasks[i]->area_addr = r->home + size;
	return 0;
}

/* Which numbers do tasks want? Anything else may be used meanwhile. */
static void find_numbers(struct restore *r, unsigned char *used, size_t max)
{
	for (size_t i = 0; i < r->n_tasks; i++) {
		const struct restore_table *table = r->tasks[i]->table;

		for (size_t k = 0; table && k < table->n_fds; k++)
			if (table->fds[k].e->fd < max)
				used[table->fds[k].e->fd] = 1;
	}
}

static int number_too_high(struct restore *r, const struct restore_task *t, uint32_t number)
{
	char name[IMAGE_NAME_SIZE];

	image_kind_file(IMAGE_FDINFO, t->table->id, name);
	return err_add_image(restore_err(r), name,
			     err_set(restore_err(r), ERR_RESOURCE, EMFILE,
				     "task %d has descriptor %u, but the limit here is %zu",
				     t->vpid, number, r->n_numbers));
}

static int plan_numbers(struct restore *r)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return err_sys(restore_err(r), "getrlimit", "can't read the limit of descriptors");
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	r->n_numbers = limit.rlim_cur < (1u << 20) ? limit.rlim_cur : 1u << 20;
	r->numbers = arena_alloc(restore_arena(r), r->n_numbers);
	find_numbers(r, r->numbers, r->n_numbers);
	for (size_t i = 0; i < r->n_tasks; i++)
		for (size_t k = 0; r->tasks[i]->table && k < r->tasks[i]->table->n_fds; k++)
			if (r->tasks[i]->table->fds[k].e->fd >= r->n_numbers)
				return number_too_high(r, r->tasks[i],
						       r->tasks[i]->table->fds[k].e->fd);
	r->free_fd = 3;
	return 0;
}

/* A number that nobody has or wants, and is not given out again. */
static int service_number(struct restore *r)
{
	for (; r->free_fd < (int)r->n_numbers; r->free_fd++)
		if (!r->numbers[r->free_fd] && fcntl(r->free_fd, F_GETFD) < 0)
			return r->free_fd++;
	return err_set(restore_err(r), ERR_RESOURCE, EMFILE,
		       "no descriptor number below %zu is left to work with", r->n_numbers);
}

/* The kernel knows which numbers are free, find_numbers() which nobody wants. */
int service_fd(struct restore *r, int fd)
{
	int ret = -1;

	do {
		close_fd(&ret);
		while (r->free_fd < (int)r->n_numbers && r->numbers[r->free_fd])
			r->free_fd++;
		ret = r->free_fd < (int)r->n_numbers ? fcntl(fd, F_DUPFD_CLOEXEC, r->free_fd) : -1;
		if (ret >= 0)
			r->free_fd = ret + 1;
	} while (ret >= 0 && ret < (int)r->n_numbers && r->numbers[ret]);
	if (ret < 0 || ret >= (int)r->n_numbers) {
		close_fd(&ret);
		ret = err_set(restore_err(r), ERR_RESOURCE, EMFILE,
			      "no descriptor number below %zu is left to work with", r->n_numbers);
	}
	close_fd(&fd);
	return ret;
}

int service_open(struct restore_task *t, uint32_t id, int flags)
{
	int fd, ret;

	if (t->r->s->opts->plan)
		return service_number(t->r);
	ret = restore_open_by_id(t, id, flags, &fd);
	return ret < 0 ? ret : service_fd(t->r, fd);
}

int plan_home(struct restore *r)
{
	int ret = find_home(r), log;

	if (ret == 0)
		ret = map_shared(r);
	if (ret == 0)
		ret = plan_numbers(r);
	if (ret < 0)
		return ret;
	log_debug("home is at %llx, %llu GiB", (unsigned long long)r->home,
		  (unsigned long long)r->home_size >> 30);
	/* Tasks go on logging when their own descriptors have come to their numbers. */
	log = service_fd(r, dup(log_fd()));
	if (log < 0)
		return log;
	log_move(log);
	return 0;
}
