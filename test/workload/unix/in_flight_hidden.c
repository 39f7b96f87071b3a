/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On their way in a socket, and open nowhere else: a BPF map with an element, and secret memory,
 * which is mapped nowhere.
 *
 * wl: areas unix-sockets aio-uring-bpf pidfd-memfd-misc-fds
 * wl: needs root memfd_secret
 * wl: crossing none CRIU 4.2 keeps no secret memory
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "../bpf/bpf.h"
#include "rights.h"

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

int main(void)
{
	int pair[2], got[2],
		fds[2] = { map_create(BPF_MAP_TYPE_HASH, 4, 8, 5, 0, "in_flight"),
			   wl_try(syscall(SYS_memfd_secret, 0)) };
	char value[8], *secret;

	wl_try(ftruncate(fds[1], 8192));
	secret = wl_try(mmap(NULL, 8192, PROT_WRITE, MAP_SHARED, fds[1], 0));
	wl_fill(secret, 5000, 3);
	wl_try(munmap(secret, 8192));
	map_set(fds[0], "key1", "an eight");
	wl_try(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	un_send_rights(pair[0], "both", fds, (int[]){ 2 }, 1);
	close(fds[0]);
	close(fds[1]);
	wl_ready_and_wait();
	un_receive_rights(pair[1], "both", got, 2);
	wl_check_eq(map_count(got[0]), 1);
	wl_check_eq(map_get(got[0], "key1", value), 0);
	wl_check(!memcmp(value, "an eight", 8));
	secret = wl_try(mmap(NULL, 8192, PROT_READ, MAP_SHARED, got[1], 0));
	wl_check(wl_matches(secret, 5000, 3));
	wl_pass();
}
