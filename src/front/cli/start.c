/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order matters to what a relative name is relative to: the images directory and the work
 * directory to where the tool was started, log and pid file to the work directory.
 */
#include "front/cli/start.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/progress.h"
#include "front/cli/option.h"
#include "model/logfile.h"

static int open_images(struct run *run)
{
	const char *path = run->opts->images_dir;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(run->err, ERR_IMAGE_MISSING, errno,
			       "the images directory %s can't be opened", path);
	if (fd < 0)
		return err_sys(run->err, "openat", "opening the images directory %s", path);
	run->images_fd = fd;
	return 0;
}

/* The images directory is the work directory unless there is another. */
static int enter_work_dir(struct run *run)
{
	const char *path = run->opts->work_dir;

	if (path && chdir(path))
		return err_set(run->err, ERR_PATH, errno,
			       "the work directory %s can't be changed to", path);
	if (!path && run->images_fd >= 0 && fchdir(run->images_fd))
		return err_sys(run->err, "fchdir", "changing to the images directory %s",
			       run->opts->images_dir);
	return 0;
}

int start(struct run *run)
{
	const struct options *o = run->opts;
	int ret = 0;

	for (size_t i = 0; i < o->close_fds.n; i++)
		close(atoi(o->close_fds.items[i]));
	if (verb_info(o->verb)->needs_images)
		ret = open_images(run);
	if (!ret)
		ret = enter_work_dir(run);
	if (!ret)
		ret = logfile_open(o, run->err);
	/* A log of much detail on the terminal tells how far the work is, and would tear the line. */
	if (o->json || (log_on_stderr() && log_level() >= LOG_INFO))
		progress_disable();
	return ret;
}
