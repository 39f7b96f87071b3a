/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A write-sealed memfd that is mapped shared and read-only: it can't be made writable, contents
 * and seals are kept, and so is a further seal against sealing.
 *
 * wl: areas shm memory
 * wl: crossing from CRIU maps it writable for a moment, and then can't seal it
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	const int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	int fd = wl_try(memfd_create("sealed", MFD_ALLOW_SEALING));
	size_t size = 8192;
	char buf[8192], *view;

	wl_fill(buf, size, 1);
	wl_check_eq(write(fd, buf, size), size);
	wl_try(fcntl(fd, F_ADD_SEALS, seals));
	view = wl_try(mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0));
	wl_ready_and_wait();
	wl_check(wl_matches(view, size, 1));
	wl_check_eq(fcntl(fd, F_GET_SEALS), seals);
	wl_check(mprotect(view, size, PROT_READ | PROT_WRITE) < 0 && errno == EACCES);
	wl_check(write(fd, buf, 1) < 0 && errno == EPERM);
	wl_check(ftruncate(fd, 0) < 0 && errno == EPERM);
	wl_check_eq(lseek(fd, 0, SEEK_CUR), size);
	wl_pass();
}
