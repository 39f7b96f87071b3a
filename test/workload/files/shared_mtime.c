/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file's mtime was advanced by writes through a shared mapping: the tool doesn't touch it by
 * dumping, and the program's next write does.
 *
 * wl: areas files memory
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

static int64_t mtime(int fd)
{
	struct stat st;

	wl_try(fstat(fd, &st));
	return st.st_mtim.tv_sec * 1000000000LL + st.st_mtim.tv_nsec;
}

int main(void)
{
	size_t page = getpagesize();
	int fd = wl_try(open("file", O_RDWR | O_CREAT, 0644));
	int64_t opened, written;
	char *area;

	wl_try(ftruncate(fd, page));
	opened = mtime(fd);
	area = wl_try(mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	wl_sleep_ms(30);
	area[0] = 1;
	wl_try(msync(area, page, MS_SYNC));
	written = mtime(fd);
	wl_check(written > opened);
	wl_ready_and_wait();
	wl_check_eq(mtime(fd), written);
	wl_sleep_ms(30);
	area[0] = 2;
	wl_try(msync(area, page, MS_SYNC));
	wl_check(mtime(fd) > written);
	wl_pass();
}
