/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters that are locked (SO_LOCK_FILTER), of a UDP and a unix socket, still filter, are still
 * locked, and can't be taken off.
 *
 * wl: areas inet-sockets unix-sockets
 * wl: cycles 2
 * wl: crossing none CRIU does not lock them again
 */
#include "inet.h"

#include <linux/filter.h>
#include <sys/un.h>

/* Only messages whose first byte is 'y': at 8 behind the header of UDP, at 0 in a unix socket. */
static void lock_filter(int fd, int offset)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, offset),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'y', 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog prog = { 4, code };

	wl_try(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)));
	in_set(fd, SOL_SOCKET, SO_LOCK_FILTER, 1);
}

static void is_locked(int fd, int sender)
{
	char buf[4];

	wl_check_eq(in_get(fd, SOL_SOCKET, SO_LOCK_FILTER), 1);
	wl_check(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &(int){ 0 }, sizeof(int)) < 0);
	wl_check_eq(errno, EPERM);
	send(sender, "no", 2, 0); /* a unix socket tells the sender */
	wl_check_eq(send(sender, "yes", 3, 0), 3);
	wl_check_eq(recv(fd, buf, sizeof(buf), 0), 3);
}

int main(void)
{
	int udp = in_bound(AF_INET, SOCK_DGRAM, 0), client = in_connected(udp), pair[2];

	wl_try(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	lock_filter(udp, 8);
	lock_filter(pair[0], 0);
	is_locked(udp, client);
	is_locked(pair[0], pair[1]);
	wl_ready_and_wait();
	is_locked(udp, client);
	is_locked(pair[0], pair[1]);
	wl_pass();
}
