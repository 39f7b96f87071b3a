/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secret memory (memfd_secret): with a descriptor and two mappings, one of them a child's; with
 * nothing but a mapping, whose first page is unmapped and whose others nobody may access; without a
 * size yet. Contents, size, owner, mode, and who shares what are the same, and what was never
 * touched is still not there.
 *
 * wl: areas pidfd-memfd-misc-fds
 * wl: flavours host user unpriv
 * wl: needs memfd_secret
 * wl: crossing none CRIU 4.2 refuses secret memory
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif
#define PAGE  4096
#define PAGES 8

static int secret(size_t size)
{
	int fd = wl_try(syscall(SYS_memfd_secret, O_CLOEXEC));

	if (size)
		wl_try(ftruncate(fd, size));
	return fd;
}

static char *map(int fd, int pages, int prot, int from)
{
	return wl_try(mmap(NULL, pages * PAGE, prot, MAP_SHARED, fd, from * PAGE));
}

static char *shared, *childs, *hidden;

static void child_set_up(void *arg)
{
	childs = map(*(int *)arg, 2, PROT_READ, 2);
	/* What is inherited does not count as locked, which is not kept. */
	wl_try(mmap(shared, PAGES * PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, *(int *)arg, 0));
	wl_try(munmap(hidden + PAGE, 3 * PAGE));
	close(*(int *)arg);
}

static void child_check(void *arg)
{
	(void)arg;
	wl_check(wl_matches(childs, PAGE, 2));
	wl_check_eq(shared[5 * PAGE], 'c');
}

static int present(const char *p)
{
	unsigned char there;

	wl_try(mincore((void *)p, PAGE, &there));
	return there & 1;
}

static void check_alone(void)
{
	wl_try(mprotect(hidden + PAGE, 3 * PAGE, PROT_READ | PROT_WRITE));
	wl_check(wl_matches(hidden + PAGE, 3 * PAGE, 77));
	hidden[PAGE] = 'x';
	wl_check_eq(wl_vma_flag(hidden + PAGE, "dd"), 0);
	wl_check(strstr(wl_vma_line(hidden + PAGE), "/secretmem") != NULL);
}

int main(void)
{
	int fd = secret(PAGES * PAGE - 100), alone = secret(4 * PAGE), unborn = secret(0);
	bool locked, undumped;
	struct stat st;

	shared = map(fd, PAGES, PROT_READ | PROT_WRITE, 0);
	wl_fill(shared, PAGE, 0);
	wl_fill(shared + 2 * PAGE, PAGE, 2);
	wl_try(fchmod(fd, 0640));
	wl_try(fcntl(fd, F_SETFL, O_NONBLOCK));
	hidden = map(alone, 4, PROT_READ | PROT_WRITE, 0);
	wl_fill(hidden + PAGE, 3 * PAGE, 77);
	wl_try(munmap(hidden, PAGE));
	wl_try(madvise(hidden + PAGE, 3 * PAGE, MADV_DODUMP));
	wl_try(mprotect(hidden + PAGE, 3 * PAGE, PROT_NONE));
	close(alone);
	wl_actor_fork(child_set_up, child_check, &fd);
	wl_check_eq(present(shared + PAGE), 0);
	locked = wl_vma_flag(shared, "lo"); /* 7.2 no longer says so */
	undumped = wl_vma_flag(shared, "dd");
	wl_ready_and_wait();
	wl_check_eq(present(shared), 1);
	wl_check_eq(present(shared + PAGE), 0);
	wl_check_eq(present(shared + 2 * PAGE), 1);
	wl_check(wl_matches(shared, PAGE, 0));
	wl_check(wl_matches(shared + 2 * PAGE, PAGE, 2));
	wl_check_eq(wl_vma_flag(shared, "lo"), locked);
	wl_check_eq(wl_vma_flag(shared, "dd"), undumped);
	wl_try(fstat(fd, &st));
	wl_check_eq(st.st_mode, S_IFREG | 0640);
	wl_check_eq(st.st_size, PAGES * PAGE - 100);
	wl_check_eq(st.st_uid, geteuid());
	wl_check_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	wl_check_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	/* Through the descriptor, as through the mapping. */
	wl_check(wl_matches(map(fd, 1, PROT_READ, 2), PAGE, 2));
	wl_try(fstat(unborn, &st));
	wl_check_eq(st.st_size, 0);
	wl_try(ftruncate(unborn, PAGE));
	check_alone();
	shared[5 * PAGE] = 'c';
	wl_actors_finish();
	wl_pass();
}
