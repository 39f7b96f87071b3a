/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A descriptor opened with O_PATH and O_NOFOLLOW on a symbolic link is still one on the link: type
 * and target. Also on a dangling link.
 *
 * wl: areas files
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

static void check(int fd, const char *target)
{
	char buf[64] = "";
	struct stat st;

	wl_try(fstat(fd, &st));
	wl_check(S_ISLNK(st.st_mode));
	wl_try(readlinkat(fd, "", buf, sizeof(buf) - 1));
	wl_check_text("the link's target", buf, target);
}

int main(void)
{
	struct wl_fd state[2];
	int good, dangling;

	wl_write_file("file", "text");
	wl_try(symlink("file", "good"));
	wl_try(symlink("nowhere/at/all", "dangling"));
	good = wl_try(open("good", O_PATH | O_NOFOLLOW));
	dangling = wl_try(open("dangling", O_PATH | O_NOFOLLOW | O_CLOEXEC));
	wl_fd_save(good, &state[0]);
	wl_fd_save(dangling, &state[1]);
	wl_ready_and_wait();
	wl_fd_check(good, &state[0]);
	wl_fd_check(dangling, &state[1]);
	check(good, "file");
	check(dangling, "nowhere/at/all");
	wl_pass();
}
