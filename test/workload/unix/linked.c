/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets whose files got the name that clients know by link(2), and lost the one that they were
 * bound to by unlink(2), as supervisord does it: a listener by its whole path, and one by a name in
 * the working directory. Clients reach them by the other name, the addresses are the first ones.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 * wl: crossing none CRIU makes a file under the first name
 */
#define _GNU_SOURCE
#include <sys/stat.h>

#include "unix.h"

static int publish(int type, const char *first, const char *name)
{
	int listener = un_listening(type, un_path(first), 3);

	wl_try(link(first, name));
	wl_try(unlink(first));
	return listener;
}

static void check(int type, int listener, const char *first, const char *name)
{
	int client = un_connected(type, un_path(name)), server;
	struct stat st;

	server = wl_try(accept(listener, NULL, NULL));
	un_both_ways(client, server);
	un_check_name(listener, un_path(first));
	wl_check_eq(access(first, F_OK), -1);
	wl_try(stat(name, &st));
	wl_check(S_ISSOCK(st.st_mode));
	wl_check_eq(st.st_nlink, 1);
	wl_check_eq(st.st_mode & 07777, 0640);
	close(client);
	close(server);
}

int main(void)
{
	char *dir = get_current_dir_name();
	char *first = wl_format("%s/stream.1234", dir), *name = wl_format("%s/stream", dir);
	int whole = publish(SOCK_STREAM, first, name);
	int relative = publish(SOCK_SEQPACKET, "packets.1234", "packets");

	wl_try(chmod("stream", 0640));
	wl_try(chmod("packets", 0640));
	wl_ready_and_wait();
	check(SOCK_STREAM, whole, first, name);
	check(SOCK_SEQPACKET, relative, "packets.1234", "packets");
	wl_pass();
}
