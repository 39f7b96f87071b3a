/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thirteen children fill, sync and verify files of 16 KiB all the time; no file ever differs from
 * what was written.
 *
 * wl: areas files
 * wl: ignore fdinfo
 * wl: cycles 5
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "workload.h"

enum { CHILDREN = 13, SIZE = 16384 };

static void run(int number)
{
	char buf[SIZE], back[SIZE];
	int fd = wl_try(open(wl_format("file-%d", number), O_RDWR | O_CREAT, 0644));

	wl_child_ready();
	for (uint32_t round = 0; !wl_should_stop(); round++) {
		wl_fill(buf, SIZE, number * 1000 + round);
		wl_check_eq(lseek(fd, 0, SEEK_SET), 0);
		wl_check_eq(write(fd, buf, SIZE), SIZE);
		if (round % 16 == 0)
			wl_try(fdatasync(fd));
		wl_check_eq(lseek(fd, 0, SEEK_SET), 0);
		wl_check_eq(read(fd, back, SIZE), SIZE);
		if (memcmp(buf, back, SIZE))
			wl_fail("file %d differs in round %u", number, round);
		wl_sleep_ms(5);
	}
	_exit(0);
}

int main(void)
{
	pid_t pid[CHILDREN];

	for (int i = 0; i < CHILDREN; i++)
		if ((pid[i] = wl_fork_awaited()) == 0)
			run(i);
	wl_ready_and_wait();
	for (int i = 0; i < CHILDREN; i++)
		wl_finish(pid[i]);
	wl_pass();
}
