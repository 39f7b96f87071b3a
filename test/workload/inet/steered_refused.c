/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that share a port by a program that chooses among them, which no call tells, are refused
 * by name; those that share one without are not.
 *
 * wl: areas inet-sockets
 * wl: expect dump-refused shares its port with others by a BPF program
 */
#include "inet.h"

#include <linux/filter.h>

static int sharing(struct sockaddr_in *addr)
{
	int fd = wl_try(socket(AF_INET, SOCK_DGRAM, 0));
	socklen_t len = sizeof(*addr);

	wl_try(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){ 1 }, sizeof(int)));
	wl_try(bind(fd, (void *)addr, sizeof(*addr)));
	wl_try(getsockname(fd, (void *)addr, &len));
	return fd;
}

int main(void)
{
	struct sock_filter code[] = { { BPF_RET | BPF_K, 0, 0, 1 } }; /* always the second */
	struct sock_fprog program = { 1, code };
	struct sockaddr_in steered = { .sin_family = AF_INET }, plain = steered;
	int first, second, client = wl_try(socket(AF_INET, SOCK_DGRAM, 0));
	char byte;

	steered.sin_addr.s_addr = plain.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	first = sharing(&steered);
	second = sharing(&steered);
	sharing(&plain);
	sharing(&plain);
	wl_try(setsockopt(first, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program)));
	wl_ready_and_wait();
	wl_check_eq(wl_try(sendto(client, "x", 1, 0, (void *)&steered, sizeof(steered))), 1);
	wl_check_eq(wl_try(recv(second, &byte, 1, 0)), 1);
	wl_pass();
}
