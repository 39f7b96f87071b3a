/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An area was locked by root, who then became an ordinary user whose RLIMIT_MEMLOCK is smaller
 * than the area: it stays locked.
 *
 * wl: areas memory creds
 * wl: crossing to CRIU needs CAP_SYS_RESOURCE for another user's limits
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	struct rlimit limit = { .rlim_cur = 16384, .rlim_max = 16384 };
	size_t size = 17 * getpagesize();
	char *area = wl_try(
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	wl_try(mlock(area, size));
	wl_fill(area, size, 3);
	wl_try(setrlimit(RLIMIT_MEMLOCK, &limit));
	/* For the file "ready", which comes when all is set up. */
	wl_try(chmod(".", 0777));
	wl_try(setgid(18943));
	wl_try(setuid(18943));
	wl_try(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
	wl_check(wl_vma_flag(area, "lo"));
	wl_ready_and_wait();
	wl_check_eq(getuid(), 18943);
	wl_check(wl_vma_flag(area, "lo"));
	wl_check_eq(atoi(wl_vma_field(area, "Locked")), (long long)size / 1024);
	wl_check(wl_matches(area, size, 3));
	wl_try(munlock(area, size));
	wl_check(!wl_vma_flag(area, "lo"));
	wl_pass();
}
