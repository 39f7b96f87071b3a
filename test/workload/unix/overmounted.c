/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection made through a socket's path in a folder over which a file system is mounted since.
 * Data passes, and below the mount the file is still there to be unlinked.
 *
 * wl: areas unix-sockets mounts
 * wl: flavours host ns userns
 */
#define _GNU_SOURCE
#include <sys/mount.h>
#include <sys/stat.h>

#include "unix.h"

int main(void)
{
	char *path = wl_format("%s/place/sock", get_current_dir_name());
	int listener, client, server;

	wl_try(mkdir("place", 0755));
	listener = un_listening(SOCK_STREAM, un_path(path), 1);
	client = un_connected(SOCK_STREAM, un_path(path));
	server = wl_try(accept(listener, NULL, NULL));
	close(listener);
	wl_try(mount("tmpfs", "place", "tmpfs", 0, NULL));
	wl_ready_and_wait();
	un_both_ways(client, server);
	wl_try(umount("place"));
	wl_try(unlink(path));
	wl_pass();
}
