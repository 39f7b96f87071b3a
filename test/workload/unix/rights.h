/* SPDX-License-Identifier: Apache-2.0 */
/* Sending and receiving descriptors. */
#ifndef UNIX_RIGHTS_H
#define UNIX_RIGHTS_H

#include "unix.h"

enum { RIGHTS_MAX = 16 };

/* Each array of counts has its own control header. */
static inline void un_send_rights(int to, const char *text, const int *fds, const int *counts,
				  int n_counts)
{
	char control[RIGHTS_MAX * CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { (char *)text, strlen(text) };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	size_t used = 0;

	for (int i = 0; i < n_counts; i++) {
		size_t size = counts[i] * sizeof(int);

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(c), fds, size);
		fds += counts[i];
		used += CMSG_SPACE(size);
		c = CMSG_NXTHDR(&m, c);
	}
	m.msg_controllen = used;
	wl_check_eq(sendmsg(to, &m, 0), strlen(text));
}

static inline void un_send_fd(int to, const char *text, int fd)
{
	un_send_rights(to, text, &fd, (int[]){ 1 }, 1);
}

/* The next message is this text, and carries so many descriptors, in one array. */
static inline void un_receive_rights(int from, const char *text, int *fds, int count)
{
	char control[RIGHTS_MAX * CMSG_SPACE(sizeof(int))], buf[256];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c;

	wl_check_eq(recvmsg(from, &m, MSG_DONTWAIT), strlen(text));
	wl_check(!memcmp(buf, text, strlen(text)));
	wl_check_eq(m.msg_flags & (MSG_CTRUNC | MSG_TRUNC), 0);
	c = CMSG_FIRSTHDR(&m);
	wl_check_eq(c != NULL, count > 0);
	if (!c)
		return;
	wl_check_eq(c->cmsg_type, SCM_RIGHTS);
	wl_check_eq(c->cmsg_len, CMSG_LEN(count * sizeof(int)));
	memcpy(fds, CMSG_DATA(c), count * sizeof(int));
	wl_check(!CMSG_NXTHDR(&m, c));
}

static inline int un_receive_fd(int from, const char *text)
{
	int fd;

	un_receive_rights(from, text, &fd, 1);
	return fd;
}

#endif
