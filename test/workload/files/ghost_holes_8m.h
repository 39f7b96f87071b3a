/* SPDX-License-Identifier: Apache-2.0 */
/* The body of ghost_holes_8m.c and ghost_holes_8m_fiemap.c, which differ in the dump's options. */
enum { BLOCKS = 1024, BLOCK = 4096 };

int main(void)
{
	int fd = wl_try(open("file", O_RDWR | O_CREAT, 0644));
	struct stat before, after;
	char buf[BLOCK];

	wl_try(unlink("file"));
	for (int i = 0; i < BLOCKS; i++) {
		wl_fill(buf, BLOCK, i);
		wl_check_eq(pwrite(fd, buf, BLOCK, 2L * i * BLOCK), BLOCK);
	}
	wl_try(ftruncate(fd, 2L * BLOCKS * BLOCK));
	wl_try(fsync(fd));
	wl_try(fstat(fd, &before));
	wl_ready_and_wait();
	wl_try(fsync(fd));
	wl_try(fstat(fd, &after));
	wl_check_eq(after.st_size, before.st_size);
	for (int i = 0; i < BLOCKS; i++) {
		off_t data = 2L * i * BLOCK, hole = data + BLOCK;

		wl_check_eq(lseek(fd, data, SEEK_HOLE), hole);
		if (i + 1 < BLOCKS)
			wl_check_eq(lseek(fd, hole, SEEK_DATA), hole + BLOCK);
		else
			wl_check(lseek(fd, hole, SEEK_DATA) < 0 && errno == ENXIO);
		wl_check_eq(pread(fd, buf, BLOCK, data), BLOCK);
		wl_check(wl_matches(buf, BLOCK, i));
	}
	wl_check_eq(after.st_blocks, before.st_blocks);
	wl_pass();
}
