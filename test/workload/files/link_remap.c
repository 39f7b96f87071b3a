/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file whose opened name was removed while another hard link exists: device, inode, size and
 * number of links are the same, and the tool has left no link of its own.
 *
 * wl: areas files
 * wl: dump --link-remap
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

/* The names in the directory that CRIU and its like give to links of their own. */
static int strangers(const char *path)
{
	DIR *dir = opendir(path);
	int count = 0;

	wl_check(dir);
	for (struct dirent *d; (d = readdir(dir));)
		count += strstr(d->d_name, "link_remap") != NULL;
	closedir(dir);
	return count;
}

int main(void)
{
	struct wl_fd state;
	struct stat st;
	char buf[10];
	int fd;

	fd = wl_try(open("opened", O_RDWR | O_CREAT, 0644));
	wl_check_eq(write(fd, "0123456789", 10), 10);
	wl_check_eq(lseek(fd, 4, SEEK_SET), 4);
	wl_try(link("opened", "other"));
	wl_try(unlink("opened"));
	wl_fd_save(fd, &state);
	wl_check_eq(state.nlink, 1);
	wl_ready_and_wait();
	wl_fd_check(fd, &state);
	wl_try(stat("other", &st));
	wl_check_eq(st.st_ino, state.ino);
	wl_check_eq(st.st_nlink, 1);
	wl_check_eq(read(fd, buf, 10), 6);
	wl_check(!memcmp(buf, "456789", 6));
	wl_check(access("opened", F_OK) < 0);
	wl_check_eq(strangers("."), 0);
	wl_pass();
}
