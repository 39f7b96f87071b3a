/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SO_PEERCRED as a server sees its clients and they see it: a server that was another user when it
 * called listen, clients in processes and with users and groups of their own, one that has ended
 * since and left the connection to its parent, and pairs made by parent and child. All keep what
 * they said, for several times.
 *
 * wl: areas unix-sockets
 * wl: cycles 3
 * wl: crossing none CRIU gives the ids of whoever makes them
 */
#define _GNU_SOURCE
#include <grp.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "rights.h"

enum { CLIENTS = 4 };

struct seen {
	struct ucred creds;
	gid_t groups[8];
	socklen_t groups_len;
};

static struct seen look(int fd)
{
	struct seen s = { .groups_len = sizeof(s.groups) };
	socklen_t len = sizeof(s.creds);

	wl_try(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &s.creds, &len));
	wl_try(getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, s.groups, &s.groups_len));
	return s;
}

static void check(int fd, const struct seen *want)
{
	struct seen got = look(fd);

	wl_check_eq(got.creds.pid, want->creds.pid);
	wl_check_eq(got.creds.uid, want->creds.uid);
	wl_check_eq(got.creds.gid, want->creds.gid);
	wl_check_eq(got.groups_len, want->groups_len);
	wl_check(!memcmp(got.groups, want->groups, got.groups_len));
}

static void become(int i)
{
	gid_t groups[2] = { 4000 + i, 5000 + i };

	wl_try(setgroups(i % 3, groups));
	wl_try(syscall(SYS_setresgid, -1, 3000 + i, -1));
	wl_try(syscall(SYS_setresuid, -1, 2000 + i, -1));
}

static void client(int i, struct un_addr addr, int pass)
{
	struct seen server;
	int fd, pair[2];

	become(i);
	fd = un_connected(SOCK_STREAM, addr);
	wl_try(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	server = look(fd);
	un_send_fd(pass, "pair", pair[1]);
	if (i == CLIENTS - 1) { /* ends, and its socket goes on */
		un_send_fd(pass, "mine", fd);
		exit(0);
	}
	wl_child_wait();
	check(fd, &server);
	wl_check_eq(look(pair[0]).creds.pid, getpid());
	exit(0);
}

int main(void)
{
	struct un_addr addr = un_path(wl_format("%s/sock", get_current_dir_name()));
	int listener = un_bound(SOCK_STREAM, addr), pass[2], mine, accepted[CLIENTS],
	    pairs[CLIENTS];
	struct seen seen[CLIENTS], seen_pairs[CLIENTS], own;
	pid_t pid[CLIENTS];

	wl_try(chmod(addr.sun.sun_path, 0777));
	wl_try(syscall(SYS_setresuid, -1, 77, -1));
	wl_try(listen(listener, 5));
	wl_try(syscall(SYS_setresuid, -1, 0, -1));
	wl_try(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pass));
	for (int i = 0; i < CLIENTS; i++) {
		pid[i] = i < CLIENTS - 1 ? wl_fork_awaited() : wl_fork();
		if (!pid[i]) {
			close(listener);
			client(i, addr, pass[1]);
		}
		accepted[i] = wl_try(accept(listener, NULL, NULL));
		seen[i] = look(accepted[i]);
		wl_check_eq(seen[i].creds.uid, 2000 + i);
		if (i == CLIENTS - 1)
			wl_reap(pid[i]);
		pairs[i] = un_receive_fd(pass[0], "pair");
		seen_pairs[i] = look(pairs[i]);
		wl_check_eq(seen_pairs[i].creds.pid, pid[i]);
	}
	mine = un_receive_fd(pass[0], "mine");
	own = look(mine);
	wl_check_eq(own.creds.uid, 77);
	wl_ready_and_wait();
	for (int i = 0; i < CLIENTS; i++) {
		check(accepted[i], &seen[i]);
		check(pairs[i], &seen_pairs[i]);
	}
	check(mine, &own);
	check(listener, &own);
	un_both_ways(mine, accepted[CLIENTS - 1]);
	for (int i = 0; i < CLIENTS - 1; i++)
		wl_finish(pid[i]);
	wl_pass();
}
