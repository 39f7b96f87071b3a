/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A descriptor on the process' own executable, at offset 0: whatever the tool reads from the file
 * (a build id), the position stays.
 *
 * wl: areas files
 * wl: both --file-validation buildid
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	int fd = wl_try(open("/proc/self/exe", O_RDONLY));
	struct wl_fd state;
	char magic[4];

	wl_check_eq(lseek(fd, 0, SEEK_CUR), 0);
	wl_fd_save(fd, &state);
	wl_ready_and_wait();
	wl_fd_check(fd, &state);
	wl_check_eq(lseek(fd, 0, SEEK_CUR), 0);
	wl_check_eq(read(fd, magic, 4), 4);
	wl_check(!memcmp(magic, "\177ELF", 4));
	wl_pass();
}
