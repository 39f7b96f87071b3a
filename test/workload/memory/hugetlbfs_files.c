/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files on a mounted hugetlbfs: one with a name, mapped shared and private, and one that was
 * deleted, of which a descriptor and a mapping are left.
 *
 * wl: areas memory files
 * wl: dump --ghost-limit 8M
 * wl: crossing none CRIU takes deleted files of a hugetlbfs for memory of its own kind
 * wl: needs hugepages root
 * wl: lane hugepages
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

#define HUGE (2UL << 20)

int main(void)
{
	char *shared, *own, *gone;
	int fd;

	wl_try(mkdir("mnt", 0755));
	wl_try(mount("none", "mnt", "hugetlbfs", 0, "pagesize=2M"));
	fd = wl_try(open("mnt/kept", O_RDWR | O_CREAT, 0644));
	wl_try(ftruncate(fd, 2 * HUGE));
	shared = wl_try(mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	own = wl_try(mmap(NULL, 2 * HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	close(fd);
	shared[0] = 's';
	own[HUGE] = 'o';
	fd = wl_try(open("mnt/gone", O_RDWR | O_CREAT, 0644));
	wl_try(ftruncate(fd, 3 * HUGE));
	gone = wl_try(mmap(NULL, 3 * HUGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	gone[2 * HUGE + 7] = 'g';
	wl_try(unlink("mnt/gone"));
	wl_ready_and_wait();
	wl_check(shared[0] == 's' && own[0] == 's' && own[HUGE] == 'o' && shared[HUGE] == 0);
	wl_check(gone[2 * HUGE + 7] == 'g' && gone[0] == 0);
	wl_check_eq(lseek(fd, 0, SEEK_END), 3 * HUGE);
	wl_try(umount2("mnt", MNT_DETACH));
	wl_pass();
}
