/* SPDX-License-Identifier: Apache-2.0 */
/* See logfile.h. */
#include "model/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static bool is_file(const struct options *o)
{
	return o->log_file && strcmp(o->log_file, "-");
}

/* O_APPEND: processes that share the file don't overwrite each other's lines. */
static int open_file(const struct options *o, const char *path, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_set(err, ERR_PATH, errno, "the log file %s can't be opened", path);
	log_init(fd, o->verbosity);
	return 0;
}

static int open_pid_file(const struct options *o, struct err *err)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s.%d", o->log_file, getpid()) >= (int)sizeof(path))
		return err_set(err, ERR_USAGE, ENAMETOOLONG, "the log file's name is too long");
	return open_file(o, path, err);
}

int logfile_open(const struct options *o, struct err *err)
{
	if (!is_file(o)) {
		log_init(o->log_file ? STDOUT_FILENO : STDERR_FILENO, o->verbosity);
		return 0;
	}
	return o->log_pid ? open_pid_file(o, err) : open_file(o, o->log_file, err);
}

int logfile_child(const struct options *o, struct err *err)
{
	int old = log_fd(), ret;

	log_set_prefix_pid(true);
	if (!is_file(o) || !o->log_pid)
		return 0;
	ret = open_pid_file(o, err);
	if (!ret)
		close(old);
	return ret;
}
