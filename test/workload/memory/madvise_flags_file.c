/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Advice on private and shared file mappings: VmFlags stay.
 *
 * wl: areas memory
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	static const int advice[] = { MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_DONTFORK,
				      MADV_DONTDUMP };
	enum { COUNT = sizeof(advice) / sizeof(advice[0]) };
	size_t page = getpagesize();
	char *area[2 * COUNT], *flags[2 * COUNT];
	int fd = wl_try(open("file", O_RDWR | O_CREAT, 0644));

	wl_try(ftruncate(fd, 8 * page));
	for (int i = 0; i < 2 * COUNT; i++) {
		area[i] = wl_try(mmap(NULL, 4 * page, PROT_READ | PROT_WRITE,
				      i % 2 ? MAP_SHARED : MAP_PRIVATE, fd, page));
		wl_try(madvise(area[i], 4 * page, advice[i / 2]));
	}
	for (int i = 0; i < 2 * COUNT; i++)
		flags[i] = wl_vma_field(area[i], "VmFlags");
	close(fd);
	wl_ready_and_wait();
	for (int i = 0; i < 2 * COUNT; i++)
		wl_check_text("VmFlags", wl_vma_field(area[i], "VmFlags"), flags[i]);
	wl_pass();
}
