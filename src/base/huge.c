/* SPDX-License-Identifier: Apache-2.0 */
/* See huge.h. */
#include "base/huge.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"

static enum huge_pages ask(void)
{
	_cleanup_fd_ int fd =
		open("/sys/kernel/mm/transparent_hugepage/enabled", O_RDONLY | O_CLOEXEC);
	char text[64] = "";

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return HUGE_NEVER;
	return strstr(text, "[always]")	   ? HUGE_ALWAYS
	       : strstr(text, "[madvise]") ? HUGE_ON_REQUEST
					   : HUGE_NEVER;
}

enum huge_pages huge_pages(void)
{
	static _Atomic enum huge_pages known;

	if (!known)
		known = ask();
	return known;
}

static void *map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Newer kernels place what is as large as a huge page where one fits. */
static char *map_aligned(void)
{
	char *p = map(HUGE_PAGE);
	size_t before;

	if (!p || (uintptr_t)p % HUGE_PAGE == 0)
		return p;
	munmap(p, HUGE_PAGE);
	p = map(2 * HUGE_PAGE);
	if (!p)
		return NULL;
	before = -(uintptr_t)p % HUGE_PAGE;
	if (before)
		munmap(p, before);
	munmap(p + before + HUGE_PAGE, HUGE_PAGE - before);
	return p + before;
}

void *huge_page_map(void)
{
	void *p = huge_pages() == HUGE_NEVER ? NULL : map_aligned();

	if (p && madvise(p, HUGE_PAGE, MADV_HUGEPAGE) == 0)
		return p;
	if (p)
		munmap(p, HUGE_PAGE);
	return NULL;
}
