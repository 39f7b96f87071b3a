/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of AF_VSOCK without a connection: one that listens, one that is bound, one that is not,
 * of both types, with options. The port is taken, and the addresses and options are the same.
 *
 * wl: areas packet-netlink
 * wl: cycles 2
 * wl: lane vsock
 * wl: needs family:AF_VSOCK kernel:5.14
 * wl: crossing none CRIU does not know the family
 */
#define _GNU_SOURCE
#include <sys/socket.h>
#include <linux/vm_sockets.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "workload.h"

#define PORT 40213

enum { LISTENING, BOUND, NEW, SOCKETS };

static struct state {
	int fd;
	struct wl_fd info;
	struct sockaddr_vm own;
	uint64_t sizes[3]; /* SO_VM_SOCKETS_BUFFER_SIZE, …_MIN_SIZE, …_MAX_SIZE */
	int type, listening, timeout_sec;
} was[SOCKETS];

static int option(int fd, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	wl_try(getsockopt(fd, SOL_SOCKET, name, &value, &len));
	return value;
}

static struct state look(int fd)
{
	struct state s = { .fd = fd };
	struct timeval timeout;
	socklen_t len = sizeof(s.own);

	wl_try(getsockname(fd, (struct sockaddr *)&s.own, &len));
	s.type = option(fd, SO_TYPE);
	s.listening = option(fd, SO_ACCEPTCONN);
	for (int i = 0; i < 3; i++) {
		len = sizeof(s.sizes[i]);
		wl_try(getsockopt(fd, AF_VSOCK, i, &s.sizes[i], &len));
	}
	len = sizeof(timeout);
	wl_try(getsockopt(fd, AF_VSOCK, 8, &timeout, &len));
	s.timeout_sec = timeout.tv_sec;
	return s;
}

static int make(int type, unsigned port)
{
	struct sockaddr_vm own = { .svm_family = AF_VSOCK,
				   .svm_cid = VMADDR_CID_ANY,
				   .svm_port = port };
	int fd = wl_try(socket(AF_VSOCK, type, 0));

	if (port)
		wl_try(bind(fd, (struct sockaddr *)&own, sizeof(own)));
	return fd;
}

static void set_options(int fd)
{
	uint64_t max = 1 << 20, size = 1 << 19, min = 4096;
	struct timeval timeout = { .tv_sec = 9 };

	wl_try(setsockopt(fd, AF_VSOCK, 2, &max, sizeof(max)));
	wl_try(setsockopt(fd, AF_VSOCK, 1, &min, sizeof(min)));
	wl_try(setsockopt(fd, AF_VSOCK, 0, &size, sizeof(size)));
	wl_try(setsockopt(fd, AF_VSOCK, 8, &timeout, sizeof(timeout)));
}

static void port_is_taken(unsigned port)
{
	struct sockaddr_vm own = { .svm_family = AF_VSOCK,
				   .svm_cid = VMADDR_CID_ANY,
				   .svm_port = port };
	int fd = make(SOCK_STREAM, 0);

	wl_check(bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0);
	wl_check_eq(errno, EADDRINUSE);
	close(fd);
}

int main(void)
{
	int fds[SOCKETS] = { make(SOCK_STREAM, PORT), make(SOCK_SEQPACKET, PORT + 1),
			     make(SOCK_STREAM, 0) };

	wl_try(listen(fds[LISTENING], 5));
	set_options(fds[NEW]);
	for (int i = 0; i < SOCKETS; i++) {
		was[i] = look(fds[i]);
		wl_fd_save(fds[i], &was[i].info);
	}
	wl_ready_and_wait();
	for (int i = 0; i < SOCKETS; i++) {
		struct state now = look(fds[i]);

		wl_fd_check(fds[i], &was[i].info);
		now.info = was[i].info;
		wl_check(!memcmp(&now, &was[i], sizeof(now)));
	}
	port_is_taken(PORT);
	wl_pass();
}
