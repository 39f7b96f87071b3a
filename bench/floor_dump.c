/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a dump of memory can't do without: a program that stops a process of one thread, reads what
 * only smaps tells, finds its own pages, reads them, puts them into a file and ends the process,
 * with the fewest calls that would do, as much of it by two threads at a time as can be. It
 * examines and keeps nothing else, so it is no dump; it is the part of one that is the kernel's.
 *
 *	floor_dump PID DIR WAY    WAY: "write", or on a tmpfs "huge" (see pages/sink_tmpfs.c)
 *
 * bench/run --floor times it, from spawn to exit, on the loads of load.c.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIECE	(256UL << 10) /* one read, one write */
#define HUGE_	(2UL << 20)
#define WORKERS 2
#define IOVS	(1UL << 20)
#define PIECES	(1UL << 16)
#define RANGES	512
#define TOP	0x7ffffffff000ULL
#define VVAR	(16UL << 12) /* at most, below the vdso: the kernel's own pages */

/* Of linux/fs.h since Linux 6.7. */
struct scan_region {
	uint64_t start, end, categories;
};
struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define SCAN_IOCTL   _IOWR('f', 16, struct scan_arg)
#define SCAN_FILE    (1 << 2)
#define SCAN_PRESENT (1 << 3)
#define SCAN_ZERO    (1 << 5)

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif
#ifndef SYS_process_mrelease
#define SYS_process_mrelease 448
#endif

static pid_t pid;
static int file;
static struct iovec *pages;    /* of the process; none reaches from one piece into the next */
static size_t n_pages, *first; /* of a piece */
static size_t bytes;
static char *map; /* of the file, for huge pages */
static _Atomic size_t next;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "floor_dump: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void *space(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static int open_proc(const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		die(path);
	return fd;
}

static void stop(void)
{
	int status;

	if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0 || ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0 ||
	    waitpid(pid, &status, __WALL) != pid)
		die("ptrace");
}

static void add(uint64_t start, uint64_t end)
{
	while (start < end) {
		size_t room = PIECE - bytes % PIECE, len = end - start < room ? end - start : room;

		if (n_pages == IOVS || bytes / PIECE == PIECES) {
			errno = E2BIG;
			die("the process");
		}
		if (room == PIECE)
			first[bytes / PIECE] = n_pages;
		pages[n_pages++] = (struct iovec){ (void *)start, len };
		start += len;
		bytes += len;
	}
}

static uint64_t find_vdso(void)
{
	uint64_t pairs[64][2];
	int fd = open_proc("auxv");
	ssize_t got = read(fd, pairs, sizeof(pairs));

	close(fd);
	for (size_t i = 0; got > 0 && i < got / sizeof(pairs[0]); i++)
		if (pairs[i][0] == AT_SYSINFO_EHDR)
			return pairs[i][1];
	return TOP;
}

/* Pages that no file has. */
static void find_pages(uint64_t start, uint64_t end)
{
	static struct scan_region found[RANGES];
	struct scan_arg scan = {
		.size = sizeof(scan),
		.start = start,
		.end = end,
		.vec = (uintptr_t)found,
		.vec_len = RANGES,
		.category_mask = SCAN_PRESENT | SCAN_FILE | SCAN_ZERO,
		.category_inverted = SCAN_FILE | SCAN_ZERO,
		.return_mask = SCAN_PRESENT,
	};
	int fd = open_proc("pagemap"), n;

	while (scan.start < end) {
		n = ioctl(fd, SCAN_IOCTL, &scan);
		if (n < 0)
			die("PAGEMAP_SCAN");
		for (int i = 0; i < n; i++)
			add(found[i].start, found[i].end);
		scan.start = scan.walk_end;
	}
	close(fd);
}

static void *read_smaps(void *arg)
{
	static char buf[64 << 10];
	int fd = open_proc("smaps");
	ssize_t got;

	do
		got = read(fd, buf, sizeof(buf));
	while (got > 0);
	if (got < 0)
		die("smaps");
	close(fd);
	return arg;
}

/* Returns how many bytes there were. */
static size_t read_piece(size_t off, char *to)
{
	size_t end = off + PIECE < bytes ? first[off / PIECE + 1] : n_pages;
	struct iovec local = { to, off + PIECE < bytes ? PIECE : bytes - off };
	size_t at = first[off / PIECE];

	if (process_vm_readv(pid, &local, 1, pages + at, end - at, 0) != (ssize_t)local.iov_len)
		die("process_vm_readv");
	return local.iov_len;
}

static void fill_huge(size_t off)
{
	if (pwrite(file, "", 1, off) != 1 || madvise(map + off, HUGE_, MADV_COLLAPSE) < 0)
		die("a huge page");
	for (size_t done = 0; done < HUGE_; done += PIECE)
		read_piece(off + done, map + off + done);
	madvise(map + off, HUGE_, MADV_DONTNEED);
}

static void *copy(void *arg)
{
	size_t part = map ? HUGE_ : PIECE, off;
	char *buf = malloc(PIECE);

	if (!buf)
		die("malloc");
	while ((off = atomic_fetch_add(&next, part)) < bytes) {
		if (map && bytes - off >= HUGE_) {
			fill_huge(off);
			continue;
		}
		for (size_t end = off + part; off < end && off < bytes; off += PIECE) {
			ssize_t len = read_piece(off, buf);

			if (pwrite(file, buf, len, off) != len)
				die("pwrite");
		}
	}
	free(buf);
	return arg;
}

static void map_file(void)
{
	char *p = space(bytes + HUGE_);

	p += -(uintptr_t)p % HUGE_;
	if (ftruncate(file, bytes) < 0)
		die("ftruncate");
	map = mmap(p, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0);
	if (map == MAP_FAILED)
		die("mmap");
}

static void end(void)
{
	int fd = syscall(SYS_pidfd_open, pid, 0);

	kill(pid, SIGKILL);
	syscall(SYS_process_mrelease, fd, 0);
	waitpid(pid, NULL, __WALL);
	close(fd);
}

int main(int argc, char **argv)
{
	pthread_t smaps, workers[WORKERS];
	char path[4096];
	uint64_t vdso;

	if (argc != 4)
		return fprintf(stderr, "usage: floor_dump PID DIR write|huge\n"), 2;
	pid = atoi(argv[1]);
	pages = space(IOVS * sizeof(*pages));
	first = space(PIECES * sizeof(*first));
	snprintf(path, sizeof(path), "%s/pages", argv[2]);
	file = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (file < 0)
		die(path);
	stop();
	if (pthread_create(&smaps, NULL, read_smaps, NULL))
		die("pthread_create");
	vdso = find_vdso();
	find_pages(0, vdso - VVAR);
	find_pages(vdso, TOP);
	if (strcmp(argv[3], "huge") == 0)
		map_file();
	for (int i = 1; i < WORKERS; i++)
		if (pthread_create(&workers[i], NULL, copy, NULL))
			die("pthread_create");
	copy(NULL);
	for (int i = 1; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
	pthread_join(smaps, NULL);
	end();
	return 0;
}
