/* SPDX-License-Identifier: Apache-2.0 */
/* See pidfile.h. */
#include "model/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/io.h"

int pidfile_create(const char *path, int *ret_fd, struct err *err)
{
	int fd = -1;

	if (path) {
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (fd < 0 && errno == EEXIST)
			return err_set(err, ERR_USAGE, EEXIST,
				       "the pid file %s exists already; remove it", path);
		if (fd < 0)
			return err_set(err, ERR_PATH, errno, "the pid file %s can't be made", path);
	}
	*ret_fd = fd;
	return 0;
}

int pidfile_write(int fd, pid_t pid, struct err *err)
{
	char text[16];
	int ret, len;

	if (fd < 0)
		return 0;
	len = snprintf(text, sizeof(text), "%d", pid);
	ret = write_full(fd, text, len);
	if (ret) {
		errno = -ret;
		return err_sys(err, "write", "writing the pid file");
	}
	return 0;
}

void pidfile_remove(const char *path)
{
	if (path)
		unlink(path);
}
