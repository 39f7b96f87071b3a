/* SPDX-License-Identifier: Apache-2.0 */
/* What the workloads of internet sockets share: addresses on the loopback device, data both ways. */
#ifndef INET_WORKLOAD_H
#define INET_WORKLOAD_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "workload.h"

struct in_addr_any {
	union {
		struct sockaddr sa;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	socklen_t len;
};

/* Port 0: the kernel's choice. */
static inline struct in_addr_any in_loopback(int family, int port)
{
	struct in_addr_any a = { .sa.sa_family = family };

	if (family == AF_INET) {
		a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		a.v4.sin_port = htons(port);
		a.len = sizeof(a.v4);
	} else {
		a.v6.sin6_addr = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
		a.v6.sin6_port = htons(port);
		a.len = sizeof(a.v6);
	}
	return a;
}

static inline struct in_addr_any in_name(int fd)
{
	struct in_addr_any a = { .len = sizeof(a.v6) };

	wl_try(getsockname(fd, &a.sa, &a.len));
	return a;
}

static inline struct in_addr_any in_peer(int fd)
{
	struct in_addr_any a = { .len = sizeof(a.v6) };

	wl_try(getpeername(fd, &a.sa, &a.len));
	return a;
}

static inline void in_check_same(struct in_addr_any got, struct in_addr_any want)
{
	wl_check_eq(got.len, want.len);
	wl_check(!memcmp(&got.sa, &want.sa, want.len));
}

/* A kernel without UDP-Lite (7.2) has UDP in place of it. */
static inline int in_udplite(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE);

	if (fd < 0) {
		wl_check_eq(errno, EPROTONOSUPPORT);
		return IPPROTO_UDP;
	}
	close(fd);
	return IPPROTO_UDPLITE;
}

static inline int in_bound(int family, int type, int protocol)
{
	int fd = wl_try(socket(family, type, protocol));
	struct in_addr_any a = in_loopback(family, 0);

	wl_try(bind(fd, &a.sa, a.len));
	return fd;
}

static inline int in_listening(int family, int backlog)
{
	int fd = in_bound(family, SOCK_STREAM, 0);

	wl_try(listen(fd, backlog));
	return fd;
}

/* To where fd is bound, by a socket of the same kind. */
static inline int in_connected(int fd)
{
	struct in_addr_any a = in_name(fd);
	int type = 0, protocol = 0, client;
	socklen_t len = sizeof(type);

	wl_try(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len));
	wl_try(getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len));
	client = wl_try(socket(a.sa.sa_family, type, protocol));
	wl_try(connect(client, &a.sa, a.len));
	return client;
}

static inline void in_send(int fd, size_t size, uint32_t seed)
{
	char *buf = malloc(size);

	wl_fill(buf, size, seed);
	for (size_t done = 0; done < size;)
		done += wl_try(write(fd, buf + done, size - done));
	free(buf);
}

static inline void in_receive(int fd, size_t size, uint32_t seed)
{
	char *buf = malloc(size);

	for (size_t done = 0; done < size;) {
		ssize_t n = wl_try(read(fd, buf + done, size - done));

		if (!n)
			wl_fail("end of stream behind %zu of %zu bytes", done, size);
		done += n;
	}
	wl_check(wl_matches(buf, size, seed));
	free(buf);
}

static inline void in_both_ways(int a, int b, size_t size)
{
	in_send(a, size, 1);
	in_receive(b, size, 1);
	in_send(b, size, 2);
	in_receive(a, size, 2);
}

/* A client connects to the listener; 1 KiB each way. */
static inline void in_serve(int listener)
{
	int client = in_connected(listener), server = wl_try(accept(listener, NULL, NULL));

	in_both_ways(client, server, 1024);
	close(client);
	close(server);
}

static inline void in_set(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)) < 0)
		wl_pfail("setsockopt %d %d to %d", level, name, value);
}

static inline int in_get(int fd, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	if (getsockopt(fd, level, name, &value, &len) < 0)
		wl_pfail("getsockopt %d %d", level, name);
	return value;
}

#endif
