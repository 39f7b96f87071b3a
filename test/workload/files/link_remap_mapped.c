/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file whose opened name was removed while another link exists, and which is only mapped, shared
 * and privately, with no descriptor left: what is written through the other name shows in both.
 *
 * wl: areas files memory
 * wl: dump --link-remap
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	const int prot = PROT_READ | PROT_WRITE;
	size_t page = getpagesize();
	int fd = wl_try(open("opened", O_RDWR | O_CREAT, 0644));
	char *shared, *own;

	wl_try(ftruncate(fd, 2 * page));
	shared = wl_try(mmap(NULL, 2 * page, prot, MAP_SHARED, fd, 0));
	own = wl_try(mmap(NULL, 2 * page, prot, MAP_PRIVATE, fd, 0));
	close(fd);
	wl_fill(shared, page, 1);
	wl_fill(own + page, page, 2);
	wl_try(link("opened", "other"));
	wl_try(unlink("opened"));
	wl_ready_and_wait();
	wl_check(wl_matches(shared, page, 1) && wl_matches(own, page, 1));
	wl_check(wl_matches(own + page, page, 2));
	fd = wl_try(open("other", O_RDWR));
	wl_check_eq(pwrite(fd, "written", 8, 0), 8);
	wl_check(!strcmp(shared, "written") && !strcmp(own, "written"));
	wl_check(access("opened", F_OK) < 0 && errno == ENOENT);
	wl_pass();
}
