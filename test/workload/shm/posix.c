/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX shared memory (a file on the tmpfs at /dev/shm): one that has its name, and one that was
 * unlinked after mapping, shared by parent and child.
 *
 * wl: areas shm files
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

static char *create(const char *name, size_t size)
{
	int fd = wl_try(shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600));
	char *area;

	wl_try(ftruncate(fd, size));
	area = wl_try(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	close(fd);
	return area;
}

int main(void)
{
	size_t size = 8 * getpagesize();
	char *kept_name = wl_format("/wl-kept-%d", getpid());
	char *gone_name = wl_format("/wl-gone-%d", getpid());
	char *kept = create(kept_name, size), *gone = create(gone_name, size);
	pid_t pid;

	wl_try(shm_unlink(gone_name));
	wl_fill(kept, size, 1);
	wl_fill(gone, size, 2);
	pid = wl_fork_awaited();
	if (pid == 0) {
		wl_child_wait();
		wl_check(wl_matches(kept, size, 1) && wl_matches(gone, size, 2));
		wl_fill(kept, size, 3);
		wl_fill(gone, size, 4);
		_exit(0);
	}
	wl_ready_and_wait();
	wl_check(strstr(wl_vma_line(gone), "(deleted)"));
	wl_finish(pid);
	wl_check(wl_matches(kept, size, 3) && wl_matches(gone, size, 4));
	wl_check(shm_open(gone_name, O_RDWR, 0) < 0 && errno == ENOENT);
	wl_try(shm_unlink(kept_name));
	wl_pass();
}
