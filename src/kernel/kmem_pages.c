/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the contents of a struct page are. The kernel maps all memory in one piece, and has its
 * struct pages in one array; where both begin differs from boot to boot and is written nowhere.
 * A page of the tool's own tells: vmsplice(2) shows its struct page in a pipe, /proc/self/pagemap
 * its number, and what was written to it, where it is mapped.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/btf.h"
#include "kernel/kmem.h"

#define STEP	  (1ULL << 30) /* the beginning is aligned to it */
#define STEPS_MAX 16384
#define PFN_MASK  ((1ULL << 55) - 1)
#define PRESENT	  (1ULL << 63)

static int page_number(const void *addr, long page_size, uint64_t *ret)
{
	_cleanup_fd_ int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	off_t at = (uintptr_t)addr / page_size * sizeof(uint64_t);
	uint64_t entry;

	if (fd < 0 || pread(fd, &entry, sizeof(entry), at) != sizeof(entry))
		return -EIO;
	*ret = entry & PFN_MASK;
	return entry & PRESENT && *ret ? 0 : -EPERM;
}

static int struct_page(struct kmem *k, struct btf *b, void *page, long size, uint64_t *ret)
{
	struct iovec iov = { page, size };
	uint64_t bufs;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	if (vmsplice(ends[1], &iov, 1, SPLICE_F_NONBLOCK) == size) {
		bufs = kmem_pointer(k, kmem_private(k, ends[0]),
				    btf_offset(b, "pipe_inode_info.bufs"));
		*ret = kmem_pointer(k, bufs, btf_offset(b, "pipe_buffer.page"));
	}
	close(ends[0]);
	close(ends[1]);
	return *ret ? 0 : -EIO;
}

/* Some object of the kernel's is in the one piece, so that begins at most as far below it as there
 * is memory. */
static int find_direct(struct kmem *k, const char *page, uint64_t number)
{
	uint64_t base = kmem_current(k) & ~(STEP - 1);
	char seen[64];

	for (int i = 0; base && i < STEPS_MAX; i++, base -= STEP)
		if (kmem_read(k, base + number * k->page_size, seen, sizeof(seen)) == 0 &&
		    !memcmp(seen, page, sizeof(seen))) {
			k->direct = base;
			return 0;
		}
	return -ENOENT;
}

int kmem_find_pages(struct kmem *k, struct btf *b)
{
	long size = sysconf(_SC_PAGESIZE);
	char *page = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
	uint64_t number = 0, at = 0;
	int ret;

	if (page == MAP_FAILED)
		return -errno;
	k->page_size = size;
	k->struct_size = btf_size(b, "page");
	ret = getrandom(page, 64, 0) == 64 ? page_number(page, size, &number) : -EIO;
	if (ret == 0)
		ret = struct_page(k, b, page, size, &at);
	if (ret == 0 && k->struct_size <= 0)
		ret = -ENOENT;
	if (ret == 0)
		ret = find_direct(k, page, number);
	k->pages = at - number * k->struct_size;
	munmap(page, size);
	return ret;
}

uint64_t kmem_page(const struct kmem *k, uint64_t page)
{
	uint64_t distance = page - k->pages;

	if (!k->direct || page < k->pages || distance % k->struct_size)
		return 0;
	return k->direct + distance / k->struct_size * k->page_size;
}
