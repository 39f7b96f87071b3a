/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same without --link-remap, the other link in a directory where nobody looks for it: dump is
 * refused, since the file can't be named any more; the program goes on unharmed.
 *
 * wl: areas files
 * wl: expect dump-refused link-remap
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	struct wl_fd state;
	int fd = wl_try(open("opened", O_RDWR | O_CREAT, 0644));

	wl_try(mkdir("elsewhere", 0755));
	wl_try(link("opened", "elsewhere/other"));
	wl_try(unlink("opened"));
	wl_fd_save(fd, &state);
	wl_ready_and_wait();
	wl_fd_check(fd, &state);
	wl_check_eq(write(fd, "x", 1), 1);
	wl_pass();
}
