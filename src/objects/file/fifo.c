/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fifos: a pipe that has a name. Two entries a description: the fifo's own (which pipe it is), and
 * one of a regular file, which no descriptor has, with path, flags, position and owner; a fifo
 * without a name any more is a ghost by that one.
 *
 * open(2) of one end waits for the other, and what is in a fifo is gone with its last description:
 * so it is opened for both directions first, filled, then opened as it was, and only then is the
 * helping description closed. All descriptions of one fifo are opened by one task, the first of
 * which fills it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"
#include "objects/file/file.h"

/* --- dump ----------------------------------------------------------------------------------------
 */

static bool fifo_match(const struct file_probe *p)
{
	return p->fd >= 0 && S_ISFIFO(p->stat.st_mode) && p->link.path[0] == '/' &&
	       !(p->info.flags & O_PATH) && !ext_matches(p);
}

static int fifo_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	FifoEntry *e = arena_msg(dump_arena(d), FifoEntry, fifo_entry);
	RegFileEntry *reg;
	int ret;

	f->entry->fifo = e;
	e->id = f->entry->id;
	e->has_regf_id = true;
	e->regf_id = ++d->next_file_id;
	ret = pipe_data_note(d, SLOT_FIFO, p, &e->pipe_id);
	if (ret == 0)
		ret = reg_fill(d, e->regf_id, p, &reg);
	if (ret == 0)
		reg_add(d, reg);
	return ret;
}

static int fifo_write(struct dump *d, struct dump_file *f)
{
	(void)f;
	return files_out_write(d);
}

/* --- restore
 * --------------------------------------------------------------------------------------- */

struct fifo_plan {
	struct restore_file *reg;
	struct pipe_in *pipe;
};

static int fifo_check(struct restore *r, struct restore_file *f)
{
	const FifoEntry *e = f->entry->fifo;
	struct fifo_plan *plan = arena_new(restore_arena(r), struct fifo_plan);

	plan->reg = e ? restore_file_by_id(r, e->has_regf_id ? e->regf_id : e->id) : NULL;
	if (!e || e->id != f->id || !plan->reg || !plan->reg->entry->reg)
		return err_set(
			restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			"files.img: the entry of fifo %u makes no sense, or its path is missing",
			f->id);
	f->priv = plan;
	return pipe_data_join(r, SLOT_FIFO, e->pipe_id, f, &plan->pipe);
}

static int fifo_prepare(struct restore *r, struct restore_file *f)
{
	(void)f;
	return pipe_data_prepare(r, SLOT_FIFO);
}

/* Who came first fills it; unless a process outside still has it open, with what was in it. */
static int fill_once(struct restore_task *t, struct pipe_in *pi, int keeper)
{
	int bytes = 0;

	for (size_t i = 0; i < pi->n_ends; i++)
		if (pi->ends[i]->open)
			return 0;
	if (ioctl(keeper, FIONREAD, &bytes) == 0 && bytes)
		return 0;
	return pipe_data_fill(t, SLOT_FIFO, pi, keeper);
}

static int fail_open(struct restore_task *t, const RegFileEntry *e, int num)
{
	errno = num;
	return err_sys(restore_err(t->r), "open", "can't open the fifo %s", e->name);
}

static int fifo_open(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	const struct fifo_plan *plan = f->priv;
	const RegFileEntry *e = plan->reg->entry->reg;
	_cleanup_fd_ int path = -1, keeper = -1, fd = -1;
	int ret = reg_open_path(t, plan->reg, &path);

	if (ret < 0)
		return ret;
	keeper = fd_reopen(path, O_RDWR | O_NONBLOCK);
	if (keeper < 0)
		return fail_open(t, e, -keeper);
	ret = fill_once(t, plan->pipe, keeper);
	if (ret < 0)
		return ret;
	fd = fd_reopen(path, reg_open_flags(e) & ~O_NOFOLLOW);
	if (fd < 0)
		return fail_open(t, e, -fd);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int fifo_attach(struct restore_task *t, struct restore_file *f, int fd)
{
	const RegFileEntry *e = ((struct fifo_plan *)f->priv)->reg->entry->reg;

	return fown_attach(t, f, e->fown, e->flags, fd);
}

const struct file_class fifo_class = {
	.name = "fifo",
	.type = FD_TYPES__FIFO,
	.match = fifo_match,
	.collect = fifo_collect,
	.write = fifo_write,
	.check = fifo_check,
	.prepare = fifo_prepare,
	.open = fifo_open,
	.attach = fifo_attach,
};
