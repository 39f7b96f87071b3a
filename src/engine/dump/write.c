/* SPDX-License-Identifier: Apache-2.0 */
/* The entries of the model go to their images. */
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/dump/dump.h"
#include "image/constants.h"
#include "image/writer.h"
#include "objects/extras.h"
#include "objects/namespace/time.h"
#include "objects/registry.h"
#include "objects/security/security.h"

static int write_task(struct dump *d, struct dump_task *t)
{
	struct image_dir *dir = d->s->images;
	struct err *err = dump_err(d);
	int ret;

	if (t->zombie) {
		ret = image_write_one(dir, IMAGE_CORE, t->vpid, t->core, err);
		return ret < 0 ? ret
			       : image_write_one(dir, IMAGE_CRTOOLS_TASK, t->vpid, t->extra, err);
	}
	ret = 0;
	for (size_t i = 0; ret == 0 && i < t->n_threads; i++)
		ret = image_write_one(dir, IMAGE_CORE, t->threads[i].vtid, t->threads[i].core, err);
	if (ret == 0)
		ret = image_write_one(dir, IMAGE_IDS, t->vpid, t->ids, err);
	if (ret == 0)
		ret = image_write_one(dir, IMAGE_MM, t->vpid, t->mm, err);
	if (ret == 0)
		ret = image_write_one(dir, IMAGE_FS, t->vpid, t->fs, err);
	if (ret == 0)
		ret = image_write_one(dir, IMAGE_CRTOOLS_TASK, t->vpid, t->extra, err);
	if (ret == 0 && t->table->owner == t)
		ret = image_write_all(dir, IMAGE_FDINFO, t->table->id, (void **)t->table->fds,
				      t->table->n_fds, err);
	return ret;
}

static int write_files(struct dump *d)
{
	_cleanup_image_writer_ struct image_writer *w = NULL;
	int ret = image_writer_open(d->s->images, IMAGE_FILES, 0, dump_err(d), &w);

	for (size_t i = 0; ret == 0 && i < d->n_files; i++)
		ret = image_write_msg(w, &d->files[i]->entry->base, dump_err(d));
	if (ret == 0)
		ret = image_writer_close(&w, dump_err(d));
	return ret;
}

static int write_pstree(struct dump *d)
{
	_cleanup_image_writer_ struct image_writer *w = NULL;
	int ret = image_writer_open(d->s->images, IMAGE_PSTREE, 0, dump_err(d), &w);

	for (size_t i = 0; ret == 0 && i < d->n_tasks; i++)
		ret = image_write_msg(w, &d->tasks[i]->pstree->base, dump_err(d));
	if (ret == 0)
		ret = image_writer_close(&w, dump_err(d));
	return ret;
}

int write_entries(struct dump *d)
{
	int ret = write_pstree(d);

	for (size_t i = 0; ret == 0 && i < d->n_tasks; i++)
		ret = err_add_pid(dump_err(d), d->tasks[i]->vpid, write_task(d, d->tasks[i]));
	if (ret == 0)
		ret = write_files(d);
	for (size_t i = 0; ret == 0 && i < d->n_files; i++)
		if (d->files[i]->class->write)
			ret = d->files[i]->class->write(d, d->files[i]);
	for (size_t i = 0; ret == 0 && state_classes[i]; i++)
		if (state_classes[i]->write)
			ret = state_classes[i]->write(d);
	if (ret == 0)
		ret = extras_write(d);
	if (ret == 0)
		ret = time_write(d);
	return ret;
}

/* Tells this set from any other that is ever written to the same directory, and names what the dump
 * leaves on the host. */
int choose_run_id(struct dump *d)
{
	_cleanup_fd_ int fd = open("/proc/sys/kernel/random/uuid", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, d->run_id, sizeof(d->run_id) - 1);

	if (n < (ssize_t)sizeof(d->run_id) - 1)
		return err_sys(dump_err(d), "read",
			       "can't read a random id from /proc/sys/kernel/random/uuid");
	d->run_id[n] = '\0';
	return 0;
}

int write_inventory(struct dump *d)
{
	struct timespec up;

	d->inventory->dump_criu_run_id = d->run_id;
	clock_gettime(CLOCK_BOOTTIME, &up);
	d->inventory->img_version = IMAGE_VERSION_V1_1;
	d->inventory->has_fdinfo_per_id = d->inventory->fdinfo_per_id = true;
	d->inventory->has_ns_per_id = d->inventory->ns_per_id = true;
	d->inventory->has_lsmtype = true;
	d->inventory->lsmtype = lsm_host();
	d->inventory->has_dump_uptime = true;
	d->inventory->dump_uptime = up.tv_sec * UINT64_C(1000000) + up.tv_nsec / 1000;
	return image_write_one(d->s->images, IMAGE_INVENTORY, 0, d->inventory, dump_err(d));
}
