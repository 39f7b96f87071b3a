/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of images share: a folder of their own, files in memory, one line of an error. */
#ifndef IMAGE_UTIL_H
#define IMAGE_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "image/verify.h"
#include "image/writer.h"
#include "image/reader.h"

static char folder[64];

static inline void run(const char *fmt, ...)
{
	char command[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	if (system(command))
		fail_msg("%s failed", command);
}

static inline int folder_make(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/crtools-test-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static inline int folder_remove(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

/* The source tree; the build sets it for tests. */
static inline const char *source_root(void)
{
	const char *root = getenv("CRTOOLS_SOURCE");

	return root ? root : ".";
}

static inline char *slurp(const char *path, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *buf = NULL;
	size_t len = 0;

	if (fd < 0 || read_to_end(fd, &buf, &len))
		fail_msg("can't read %s", path);
	close(fd);
	if (ret_len)
		*ret_len = len;
	return buf;
}

static inline void spit(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write_full(fd, data, len))
		fail_msg("can't write %s", path);
	close(fd);
}

static inline void must(int ret, const struct err *err)
{
	char text[2048];

	if (!ret)
		return;
	err_format(err, text, sizeof(text));
	fail_msg("%d: %s", ret, text);
}

static inline bool exists(const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return !access(path, F_OK);
}

/* How many names there are in the folder, hidden ones too. */
static inline unsigned count_names(void)
{
	DIR *d = opendir(folder);
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

/* The golden sets of the real CRIU, unpacked into the folder; returns how many. */
static inline unsigned unpack_golden(char names[][64], unsigned max)
{
	char path[512];
	struct dirent *e;
	unsigned n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/test/golden", source_root());
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/test/golden/%s/images.tar.xz", source_root(),
			 e->d_name);
		if (access(path, R_OK))
			continue;
		assert_true(n < max);
		snprintf(names[n++], 64, "%.63s", e->d_name);
		run("mkdir %s/%s && tar -C %s/%s -xJf %s", folder, e->d_name, folder, e->d_name,
		    path);
	}
	closedir(d);
	return n;
}

#endif
