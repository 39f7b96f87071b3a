/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task that has the tool's own file mapped: a debugger that looks at it, or a crtools that was
 * dumped. The kernel changes a process' exe link only when nothing of the old one is mapped
 * (kernel/sys.c, replace_mm_exe_file: EBUSY), and the old one of a task that is being restored is
 * the tool. So, where such a task is found, the tool leaves its file before it forks: it puts
 * anonymous copies in the place of its own areas, and makes a memfd its exe link.
 *
 * Nothing is done otherwise: the copies are memory, and a debugger finds no symbols in them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "engine/engine.h"
#include "engine/restore/restore.h"
#include "image/constants.h"
#include "kernel/proc/maps.h"
#include "kernel/proc/stat.h"

static const char *own_path(struct arena *a)
{
	char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	return arena_strdup(a, path);
}

static const struct restore_task *whose_area(const struct restore *r, const char *own)
{
	for (size_t i = 0; i < r->n_tasks; i++)
		for (size_t k = 0; k < r->tasks[i]->n_vmas; k++) {
			const VmaEntry *e = r->tasks[i]->vmas[k].e;
			const struct restore_file *f;

			if (!(e->status & (VMA_FILE_PRIVATE | VMA_FILE_SHARED)))
				continue;
			f = restore_file_by_id(r, e->shmid);
			if (f && f->entry->reg && !strcmp(f->entry->reg->name, own))
				return r->tasks[i];
		}
	return NULL;
}

static int copy_area(struct restore *r, const struct proc_area *a)
{
	size_t len = a->end - a->start;
	void *at = (void *)(uintptr_t)a->start;
	void *copy = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (copy == MAP_FAILED)
		return err_sys(restore_err(r), "mmap", "can't copy the tool's own code");
	if (a->prot & PROT_READ)
		memcpy(copy, at, len);
	if (mprotect(copy, len, a->prot) < 0 ||
	    mremap(copy, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, at) != at)
		return err_sys(restore_err(r), "mremap", "can't move the copy of the tool's code");
	return 0;
}

/* The kernel takes no file that is open for writing. */
static int new_exe(struct restore *r, int *ret_fd)
{
	_cleanup_fd_ int fd = memfd_create("crtools", MFD_CLOEXEC);
	char path[32];

	if (fd < 0 || fchmod(fd, 0700) < 0)
		return err_sys(restore_err(r), "memfd_create", "can't make a file to be named by");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	*ret_fd = open(path, O_RDONLY | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(restore_err(r), "open", "can't open a memfd again") : 0;
}

static int change_exe(struct restore *r, const struct proc_stat *st)
{
	_cleanup_fd_ int fd = -1;
	int ret = new_exe(r, &fd);
	struct prctl_mm_map map = {
		.start_code = st->startcode,
		.end_code = st->endcode,
		.start_data = st->start_data,
		.end_data = st->end_data,
		.start_brk = st->start_brk,
		.brk = (uintptr_t)sbrk(0),
		.start_stack = st->startstack,
		.arg_start = st->arg_start,
		.arg_end = st->arg_end,
		.env_start = st->env_start,
		.env_end = st->env_end,
		.exe_fd = fd,
	};

	if (ret < 0)
		return ret;
	if (prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0) < 0)
		return err_sys(
			restore_err(r), "prctl",
			"a task has the tool's own file mapped, and the tool's exe link can't "
			"be changed; restore with a copy of crtools under another name");
	return 0;
}

static int leave_file(struct restore *r, const char *own)
{
	struct proc_buf buf = { 0 };
	struct proc self = PROC_INIT;
	struct proc_areas areas = { 0 };
	struct proc_stat st;
	int ret = proc_open(&self, getpid(), &buf, restore_err(r));

	if (ret == 0)
		ret = proc_maps(&self, restore_arena(r), &areas, restore_err(r));
	if (ret == 0)
		ret = proc_stat(&self, &st, restore_err(r));
	for (size_t i = 0; ret == 0 && i < areas.n; i++)
		if (areas.areas[i].path && !strcmp(areas.areas[i].path, own))
			ret = copy_area(r, &areas.areas[i]);
	if (ret == 0)
		ret = change_exe(r, &st);
	proc_close(&self);
	proc_buf_free(&buf);
	return ret;
}

int leave_own_file(struct restore *r)
{
	const char *own = own_path(restore_arena(r));
	const struct restore_task *t = own ? whose_area(r, own) : NULL;

	if (!t)
		return 0;
	log_debug("task %d has %s mapped: the tool goes on without", t->vpid, own);
	return leave_file(r, own);
}
