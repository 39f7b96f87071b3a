/* SPDX-License-Identifier: Apache-2.0 */
/* One hostile image: read, shown in every way. The input is the file. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "image/render.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void show(const char *path, int way, FILE *out)
{
	const struct render_options options = { .pretty = way & 1, .no_payload = way & 2 };
	_cleanup_image_reader_ struct image_reader *r = NULL;
	_cleanup_(arena_free) struct arena arena = {};
	struct err err = {};

	if (image_reader_open_file(AT_FDCWD, path, &arena, &err, &r))
		return;
	if (way == 4)
		image_render_info(r, out, &err);
	else if (way == 5)
		image_render_text(r, out, &err);
	else
		image_render_json(r, &options, out, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_fd_ int fd = memfd_create("image", MFD_CLOEXEC);
	_cleanup_file_ FILE *out = fopen("/dev/null", "w");
	char path[64];

	if (fd < 0 || !out || write_full(fd, data, size))
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	for (int way = 0; way < 6; way++)
		show(path, way, out);
	return 0;
}
