/* SPDX-License-Identifier: Apache-2.0 */
/* A hostile image set (see folder.h): opened and verified. */
#include "folder.h"
#include "image/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image_dir *dir = NULL;
	struct err err = {};

	fill_folder(data, size);
	if (!image_dir_open(folder_fd, "", &err, &dir))
		image_verify(dir, &err);
	image_dir_close(dir);
	clear_folder();
	return 0;
}
