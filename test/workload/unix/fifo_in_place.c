/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bound datagram sockets, by absolute and by relative name, each with a connected peer; their files
 * are unlinked, and fifos made and opened at the paths. A byte passes through sockets and fifos,
 * and the fifos are what is at the paths.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>

#include "unix.h"

struct one {
	char *path;
	int server, client, fifo;
};

static void set_up(struct one *o, const char *name, char *path)
{
	o->path = path;
	o->server = un_bound(SOCK_DGRAM, un_path(name));
	o->client = un_connected(SOCK_DGRAM, un_path(name));
	wl_try(unlink(name));
	wl_try(mkfifo(name, 0600));
	o->fifo = wl_try(open(name, O_RDWR));
}

static void check(const struct one *o)
{
	struct stat at, fifo;

	un_carry(o->client, o->server, 1, 1);
	un_carry(o->fifo, o->fifo, 1, 2);
	wl_try(stat(o->path, &at));
	wl_try(fstat(o->fifo, &fifo));
	wl_check(S_ISFIFO(at.st_mode));
	wl_check_eq(at.st_ino, fifo.st_ino);
}

int main(void)
{
	char *dir = wl_format("%s/sub", get_current_dir_name());
	char *path = wl_format("%s/absolute", dir);
	struct one absolute, relative;

	wl_try(mkdir("sub", 0755));
	wl_try(chdir("sub"));
	set_up(&absolute, path, path);
	set_up(&relative, "relative", wl_format("%s/relative", dir));
	wl_try(chdir(".."));
	wl_ready_and_wait();
	check(&absolute);
	check(&relative);
	wl_pass();
}
