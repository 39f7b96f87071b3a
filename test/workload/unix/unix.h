/* SPDX-License-Identifier: Apache-2.0 */
/* What the workloads beside share: addresses, and data that is sent and received. */
#ifndef UNIX_WORKLOAD_H
#define UNIX_WORKLOAD_H

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "workload.h"

struct un_addr {
	struct sockaddr_un sun;
	socklen_t len;
};

static inline struct un_addr un_path(const char *path)
{
	struct un_addr a = { .sun.sun_family = AF_UNIX };

	strcpy(a.sun.sun_path, path);
	a.len = offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1;
	return a;
}

/* Behind the leading NUL: bytes that may hold others. */
static inline struct un_addr un_abstract(const char *name, size_t len)
{
	struct un_addr a = { .sun.sun_family = AF_UNIX };

	memcpy(a.sun.sun_path + 1, name, len);
	a.len = offsetof(struct sockaddr_un, sun_path) + 1 + len;
	return a;
}

static inline int un_bound(int type, struct un_addr a)
{
	int fd = wl_try(socket(AF_UNIX, type, 0));

	wl_try(bind(fd, (struct sockaddr *)&a.sun, a.len));
	return fd;
}

static inline int un_listening(int type, struct un_addr a, int backlog)
{
	int fd = un_bound(type, a);

	wl_try(listen(fd, backlog));
	return fd;
}

static inline int un_connected(int type, struct un_addr a)
{
	int fd = wl_try(socket(AF_UNIX, type, 0));

	wl_try(connect(fd, (struct sockaddr *)&a.sun, a.len));
	return fd;
}

static inline void un_check_name(int fd, struct un_addr want)
{
	struct un_addr got = { .len = sizeof(got.sun) };

	wl_try(getsockname(fd, (struct sockaddr *)&got.sun, &got.len));
	wl_check_eq(got.len, want.len);
	wl_check(!memcmp(&got.sun, &want.sun, want.len));
}

static inline void un_check_peer(int fd, struct un_addr want)
{
	struct un_addr got = { .len = sizeof(got.sun) };

	wl_try(getpeername(fd, (struct sockaddr *)&got.sun, &got.len));
	wl_check_eq(got.len, want.len);
	wl_check(!memcmp(&got.sun, &want.sun, want.len));
}

/* So many bytes, made from a seed, from one to the other. */
static inline void un_carry(int from, int to, size_t size, uint32_t seed)
{
	char out[4096], in[sizeof(out)];

	wl_fill(out, size, seed);
	wl_check_eq(write(from, out, size), size);
	wl_check_eq(read(to, in, sizeof(in)), size);
	wl_check(wl_matches(in, size, seed));
}

static inline void un_both_ways(int a, int b)
{
	un_carry(a, b, 1000, 1);
	un_carry(b, a, 1000, 2);
}

/* The next message is this text. */
static inline void un_expect(int fd, const char *text)
{
	char buf[256];

	wl_check_eq(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), strlen(text));
	wl_check(!memcmp(buf, text, strlen(text)));
}

static inline void un_expect_empty(int fd)
{
	char byte;

	wl_check_eq(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	wl_check_eq(errno, EAGAIN);
}

#endif
