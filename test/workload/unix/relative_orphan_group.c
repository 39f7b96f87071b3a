/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listener by a relative name, with a connection of its own process that waits, in a process of a
 * group whose leader has ended, so that a stand-in has to lead the group at the restore. The
 * changes of the working directory that binding takes disturb nobody.
 *
 * wl: areas unix-sockets task
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/stat.h>

#include "unix.h"

static void member(pid_t leader)
{
	struct un_addr addr = un_path("sock");
	int listener, client;

	wl_try(chdir("sub"));
	listener = un_listening(SOCK_STREAM, addr, 1);
	client = un_connected(SOCK_STREAM, addr);
	wl_child_wait();
	wl_check_eq(getpgrp(), leader);
	un_both_ways(client, wl_try(accept(listener, NULL, NULL)));
	client = un_connected(SOCK_STREAM, addr);
	un_both_ways(client, wl_try(accept(listener, NULL, NULL)));
	exit(0);
}

int main(void)
{
	char *dir = get_current_dir_name();
	pid_t leader, pid;
	int hold[2];
	char byte;

	wl_try(mkdir("sub", 0755));
	wl_try(pipe(hold));
	leader = wl_fork();
	if (!leader) {
		wl_try(setpgid(0, 0));
		wl_check_eq(read(hold[0], &byte, 1), 1);
		exit(0);
	}
	while (getpgid(leader) != leader)
		wl_sleep_ms(1);
	pid = wl_fork_awaited();
	if (!pid) {
		wl_try(setpgid(0, leader));
		member(leader);
	}
	wl_check_eq(write(hold[1], "x", 1), 1);
	wl_reap(leader);
	wl_ready_and_wait();
	wl_check_text("working directory", get_current_dir_name(), dir);
	wl_finish(pid);
	wl_pass();
}
