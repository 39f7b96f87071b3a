/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listeners by a path, with a mode and an owner of the file; one connection of each is accepted,
 * one waits. Afterwards the file has its mode and owner, the one that waits is accepted, and all
 * carry data, and a new client gets in.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <sys/stat.h>

#include "unix.h"

struct server {
	int type, listener, client, accepted, waiting;
	struct un_addr addr;
};

static void set_up(struct server *s, int type, const char *path)
{
	s->type = type;
	s->addr = un_path(path);
	s->listener = un_listening(type, s->addr, 7);
	wl_try(chown(path, 18943, 58467));
	wl_try(chmod(path, 0640));
	s->client = un_connected(type, s->addr);
	s->accepted = wl_try(accept(s->listener, NULL, NULL));
	s->waiting = un_connected(type, s->addr);
	un_both_ways(s->client, s->accepted);
}

static void check(struct server *s, const char *path)
{
	struct stat st;
	int last, on, accepted;
	socklen_t len = sizeof(on);

	wl_try(stat(path, &st));
	wl_check_eq(st.st_mode, S_IFSOCK | 0640);
	wl_check_eq(st.st_uid, 18943);
	wl_check_eq(st.st_gid, 58467);
	un_check_name(s->listener, s->addr);
	wl_try(getsockopt(s->listener, SOL_SOCKET, SO_ACCEPTCONN, &on, &len));
	wl_check_eq(on, 1);
	un_both_ways(s->client, s->accepted);
	last = un_connected(s->type, s->addr);
	accepted = wl_try(accept(s->listener, NULL, NULL));
	un_both_ways(s->waiting, accepted);
	accepted = wl_try(accept(s->listener, NULL, NULL));
	un_both_ways(last, accepted);
}

int main(void)
{
	char *dir = get_current_dir_name();
	struct server stream, packets;
	char *a = wl_format("%s/a.sock", dir), *b = wl_format("%s/b.sock", dir);

	set_up(&stream, SOCK_STREAM, a);
	set_up(&packets, SOCK_SEQPACKET, b);
	wl_ready_and_wait();
	check(&stream, a);
	check(&packets, b);
	wl_pass();
}
