/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile JSON, encoded to an image; what comes out is decoded again. */
#include <fcntl.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "image/render.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct render_options options = { .pretty = true };
	_cleanup_fd_ int fd = memfd_create("image", MFD_CLOEXEC);
	_cleanup_file_ FILE *out = fopen("/dev/null", "w");
	_cleanup_image_reader_ struct image_reader *r = NULL;
	_cleanup_(arena_free) struct arena arena = {};
	struct err err = {};
	char path[64];

	if (fd < 0 || !out || image_encode_json((const char *)data, size, fd, &err))
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!image_reader_open_file(AT_FDCWD, path, &arena, &err, &r))
		image_render_json(r, &options, out, &err);
	return 0;
}
