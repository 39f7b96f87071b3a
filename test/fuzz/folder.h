/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the targets that take an image set: a folder in memory, filled from an input, which is a row
 * of {u8 length of name, name, u32 length, bytes}; for a pages file the bytes are its u64 size
 * instead of its contents.
 */
#ifndef FUZZ_FOLDER_H
#define FUZZ_FOLDER_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "image/dir.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[64];
static int folder_fd = -1;

static void drop_folder(void)
{
	rmdir(folder);
}

static void make_folder(void)
{
	const char *base = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";

	snprintf(folder, sizeof(folder), "%s/crtools-fuzz-XXXXXX", base);
	if (!mkdtemp(folder))
		abort();
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY);
	atexit(drop_folder);
}

static void clear_folder(void)
{
	int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY);
	_cleanup_dir_ DIR *d = fdopendir(fd);
	struct dirent *e;

	while (d && (e = readdir(d)))
		unlinkat(folder_fd, e->d_name, 0);
}

static void make_image(const char *name, const uint8_t *data, uint32_t len)
{
	_cleanup_fd_ int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	enum image_kind kind;
	uint64_t size = 0;

	if (fd < 0 || !image_kind_by_file(name, &kind, NULL))
		return;
	if (kind != IMAGE_PAGES) {
		write_full(fd, data, len);
		return;
	}
	memcpy(&size, data, len < 8 ? len : 8);
	if (ftruncate(fd, size & 0xffffffffff))
		return;
}

static void fill_folder(const uint8_t *data, size_t size)
{
	if (folder_fd < 0)
		make_folder();
	for (unsigned files = 0; files < 64 && size > 5; files++) {
		unsigned name_len = data[0];
		char name[256];
		uint32_t len;

		if (name_len + 5 > size)
			break;
		memcpy(name, data + 1, name_len);
		name[name_len] = '\0';
		memcpy(&len, data + 1 + name_len, 4);
		data += 5 + name_len;
		size -= 5 + name_len;
		len = len < size ? len : size;
		if (!strchr(name, '/'))
			make_image(name, data, len);
		data += len;
		size -= len;
	}
}

#endif
