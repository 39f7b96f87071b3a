/* SPDX-License-Identifier: Apache-2.0 */
/* Probes of memory: mappings, pagemap, userfaultfd, memfd. */
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/pagemap.h"
#include "kernel/probe/probe.h"
#include "kernel/proc/maps.h"

/* What headers older than the kernel lack. */
#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif
#ifndef SYS_mseal
#define SYS_mseal 462
#endif
#define MADV_GUARD_INSTALL_ 102
#define MAP_DROPPABLE_	    0x08
#define MFD_NOEXEC_SEAL_    8
#define MFD_EXEC_	    16
#define UFFD_USER_MODE_	    1
#define UFFD_WP_ASYNC_	    (UINT64_C(1) << 15)
#define UFFD_MOVE_	    (UINT64_C(1) << 16)
#define UFFD_MINOR_SHMEM_   (UINT64_C(1) << 10)
#define UFFD_DEV_NEW	    _IO(0xAA, 0x00)
#define ARCH_MAP_VDSO_32_   0x2002
#define ARCH_MAP_VDSO_64_   0x2003
#define ARCH_SHSTK_STATUS_  0x5005

static void *map_page(int prot, int flags)
{
	return mmap(NULL, getpagesize(), prot, flags | MAP_ANONYMOUS, -1, 0);
}

static void unmap_page(void *page)
{
	if (page != MAP_FAILED)
		munmap(page, getpagesize());
}

PROBE(MAP_FILES)
{
	char *page = map_page(PROT_READ, MAP_SHARED), name[80];
	int e;

	if (page == MAP_FAILED)
		return errno;
	snprintf(name, sizeof(name), "/proc/self/map_files/%lx-%lx", (unsigned long)page,
		 (unsigned long)page + getpagesize());
	e = probe_open(name, O_RDONLY);
	unmap_page(page);
	return e;
}

PROBE(PR_SET_MM_MAP)
{
	unsigned int size;

	return PROBE_CALL(prctl(PR_SET_MM, PR_SET_MM_MAP_SIZE, &size, 0, 0));
}

PROBE(MEMFD)
{
	_cleanup_fd_ int fd = memfd_create("probe", MFD_CLOEXEC);

	return PROBE_CALL(fd);
}

PROBE(MEMFD_HUGETLB)
{
	_cleanup_fd_ int fd = memfd_create("probe", MFD_CLOEXEC | MFD_HUGETLB);

	return PROBE_CALL(fd);
}

PROBE(MEMFD_EXEC)
{
	_cleanup_fd_ int fd = memfd_create("probe", MFD_CLOEXEC | MFD_NOEXEC_SEAL_);

	return PROBE_CALL(fd);
}

PROBE(MEMFD_SECRET)
{
	_cleanup_fd_ int fd = syscall(SYS_memfd_secret, O_CLOEXEC);

	return PROBE_CALL(fd);
}

/* In a child: its own memory goes. The size of a special mapping must not change. */
static int move_area(const char *path, uint64_t *ret_new)
{
	_cleanup_(proc_close) struct proc self = PROC_INIT;
	_cleanup_(proc_buf_free) struct proc_buf buf = { 0 };
	struct arena arena = { 0 };
	struct proc_areas areas;
	int e;

	e = proc_open(&self, getpid(), &buf, NULL) ?: proc_maps(&self, &arena, &areas, NULL);
	if (e)
		return -e;
	e = ENOENT;
	for (size_t i = 0; i < areas.n; i++) {
		const struct proc_area *area = &areas.areas[i];
		size_t size = area->end - area->start;
		char *to;

		if (strcmp(area->path, path))
			continue;
		to = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		*ret_new = (uintptr_t)to;
		e = to == MAP_FAILED || mremap((void *)area->start, size, size,
					       MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED
			    ? errno
			    : 0;
		break;
	}
	arena_free(&arena);
	return e;
}

static int move_vdso(void *arg)
{
	uint64_t to;

	(void)arg;
	return move_area("[vdso]", &to);
}

PROBE(MREMAP_VDSO)
{
	return probe_in_child(move_vdso, NULL);
}

/* The ring is found by its address, which is the context's id: it has to work at its new place. */
static int move_aio_ring(void *arg)
{
	aio_context_t ctx = 0;
	uint64_t to;
	int e;

	(void)arg;
	if (syscall(SYS_io_setup, 1, &ctx))
		return errno;
	e = move_area("/[aio]", &to);
	if (!e && syscall(SYS_io_destroy, (aio_context_t)to))
		e = errno;
	return e;
}

PROBE(AIO_REMAP)
{
	return probe_in_child(move_aio_ring, NULL);
}

static int open_pagemap(struct pagemap *ret)
{
	struct proc_buf buf = { 0 };
	struct proc self = PROC_INIT;
	int e = proc_open(&self, getpid(), &buf, NULL) ?: pagemap_open(ret, &self, NULL);

	proc_close(&self);
	return -e;
}

PROBE(PAGEMAP_SCAN)
{
	struct pagemap pm;
	int e = open_pagemap(&pm);

	if (e)
		return e;
	e = pm.scan ? 0 : ENOTTY;
	pagemap_close(&pm);
	return e;
}

PROBE(PAGEMAP_SCAN_GUARD)
{
	struct pagemap pm;
	int e = open_pagemap(&pm);

	if (e)
		return e;
	e = pm.guard ? 0 : EINVAL;
	pagemap_close(&pm);
	return e;
}

/* The pagemap entry of a page just written. */
static int fresh_entry(uint64_t *ret)
{
	char *page = map_page(PROT_READ | PROT_WRITE, MAP_PRIVATE);
	struct pagemap pm;
	int e;

	if (page == MAP_FAILED)
		return errno;
	*(volatile char *)page = 1;
	e = open_pagemap(&pm);
	if (!e) {
		e = -pagemap_entries(&pm, (uintptr_t)page, ret, 1, NULL);
		pagemap_close(&pm);
	}
	unmap_page(page);
	return e;
}

/* A new page is dirty where the kernel keeps that bit at all. */
PROBE(SOFT_DIRTY)
{
	uint64_t entry;

	return fresh_entry(&entry) ?: entry >> 55 & 1 ? 0 : ENOSYS;
}

PROBE(PFN)
{
	uint64_t entry;

	return fresh_entry(&entry) ?: entry << 9 ? 0 : EPERM;
}

PROBE(MEM_DIRTY_TRACK)
{
	if (!probe_PAGEMAP_SCAN() && !probe_UFFD_WP_ASYNC())
		return 0;
	return probe_SOFT_DIRTY();
}

static int try_uffd(int fd, uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };

	if (fd < 0)
		return errno;
	return PROBE_CALL(ioctl(fd, UFFDIO_API, &api));
}

/* With faults of the kernel if that is allowed, else those of the program alone. */
static int open_uffd(void)
{
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	return fd >= 0 ? fd : syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_);
}

static int probe_uffd_feature(uint64_t features)
{
	_cleanup_fd_ int fd = open_uffd();

	return try_uffd(fd, features);
}

static int open_uffd_dev(void)
{
	_cleanup_fd_ int dev = open("/dev/userfaultfd", O_RDWR | O_CLOEXEC);

	return dev < 0 ? -1 : ioctl(dev, UFFD_DEV_NEW, O_CLOEXEC | O_NONBLOCK);
}

PROBE(UFFD_DEV)
{
	_cleanup_fd_ int fd = open_uffd_dev();

	return try_uffd(fd, 0);
}

/* Whole: faults inside system calls are handled, too. */
PROBE(UFFD)
{
	_cleanup_fd_ int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	int e = try_uffd(fd, 0);

	return e == EPERM && !probe_UFFD_DEV() ? 0 : e;
}

PROBE(UFFD_NONCOOP)
{
	return probe_uffd_feature(UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_EVENT_REMAP |
				  UFFD_FEATURE_EVENT_UNMAP | UFFD_FEATURE_EVENT_REMOVE);
}

PROBE(UFFD_USER_MODE)
{
	_cleanup_fd_ int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_);

	return try_uffd(fd, 0);
}

PROBE(UFFD_WP_ASYNC)
{
	return probe_uffd_feature(UFFD_WP_ASYNC_);
}
PROBE(UFFD_MOVE)
{
	return probe_uffd_feature(UFFD_MOVE_);
}
PROBE(UFFD_SHMEM)
{
	return probe_uffd_feature(UFFD_FEATURE_MISSING_SHMEM);
}
PROBE(UFFD_HUGETLBFS)
{
	return probe_uffd_feature(UFFD_FEATURE_MISSING_HUGETLBFS);
}
PROBE(UFFD_MINOR)
{
	return probe_uffd_feature(UFFD_MINOR_SHMEM_);
}

PROBE(PROCESS_VM_READV)
{
	char from = 1, to = 0;
	struct iovec local = { &to, 1 }, remote = { &from, 1 };

	return PROBE_CALL(process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
}

PROBE(PROCESS_MADVISE)
{
	_cleanup_fd_ int fd = syscall(SYS_pidfd_open, getpid(), 0);
	char *page = map_page(PROT_READ, MAP_PRIVATE);
	struct iovec iov = { page, getpagesize() };
	int e;

	if (fd < 0 || page == MAP_FAILED)
		return errno;
	e = PROBE_CALL(syscall(SYS_process_madvise, fd, &iov, 1, 20 /* MADV_COLD */, 0));
	unmap_page(page);
	return e;
}

PROBE(GUARD_REGIONS)
{
	char *page = map_page(PROT_READ | PROT_WRITE, MAP_PRIVATE);
	int e;

	if (page == MAP_FAILED)
		return errno;
	e = PROBE_CALL(madvise(page, getpagesize(), MADV_GUARD_INSTALL_));
	unmap_page(page);
	return e;
}

PROBE(MAP_DROPPABLE)
{
	char *page = map_page(PROT_READ | PROT_WRITE, MAP_DROPPABLE_);
	int e = page == MAP_FAILED ? errno : 0;

	unmap_page(page);
	return e;
}

/* Nothing to seal. */
PROBE(MSEAL)
{
	return PROBE_CALL(syscall(SYS_mseal, NULL, 0, 0));
}

PROBE(PKEYS)
{
	int key = pkey_alloc(0, 0);

	if (key < 0)
		return errno;
	pkey_free(key);
	return 0;
}

#ifdef __x86_64__
/* There is one already: that is what a kernel which knows the call says. */
PROBE(CAN_MAP_VDSO)
{
	return probe_expect(syscall(SYS_arch_prctl, ARCH_MAP_VDSO_64_, 0), EEXIST);
}

/* _exit(0), for i386: file and program header, and three instructions at their end. */
static const uint32_t smallest_32bit[] = {
	0x464c457f, 0x00010101, 0, 0, 0x00030002, 1,	      0x08048054, 52, 0, 0,    0x00200034,
	0x00000001, 0,		1, 0, 0x08048000, 0x08048000, 93,	  93, 5, 4096, 0x000001b8,
	0xcddb3100, 0x00000080,
};

/* Run in a child. Where no memfd may be executed nothing is known: then it does not count. */
static int run_32bit(void *arg)
{
	static char *const none[] = { NULL };
	int fd = memfd_create("32bit", MFD_CLOEXEC | MFD_EXEC_);
	int e;

	(void)arg;
	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 all are executable */
		fd = memfd_create("32bit", MFD_CLOEXEC);
	if (fd < 0 || write(fd, smallest_32bit, sizeof(smallest_32bit)) < 0)
		return 0;
	syscall(SYS_execveat, fd, "", none, none, AT_EMPTY_PATH);
	e = errno;
	return e == ENOEXEC ? e : 0;
}

/* A kernel has the call also where it was told not to run such programs (ia32_emulation=off). */
PROBE(COMPAT_CR)
{
	int e = probe_expect(syscall(SYS_arch_prctl, ARCH_MAP_VDSO_32_, 0), EEXIST);

	return e ? e : probe_in_child(run_32bit, NULL);
}

PROBE(SHADOW_STACK)
{
	uint64_t status;

	return PROBE_CALL(syscall(SYS_arch_prctl, ARCH_SHSTK_STATUS_, &status));
}
#else
PROBE(CAN_MAP_VDSO)
{
	return ENOSYS;
}
PROBE(COMPAT_CR)
{
	return ENOSYS;
}
PROBE(SHADOW_STACK)
{
	return ENOSYS;
}
#endif
