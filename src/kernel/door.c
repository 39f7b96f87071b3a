/* SPDX-License-Identifier: Apache-2.0 */
/* See door.h. */
#include "kernel/door.h"

#include <errno.h>
#include <linux/filter.h>
#include <stddef.h>
#include <sys/socket.h>

#define SIGN 0x43525453u

static struct sock_filter code[] = {
	BPF_STMT(BPF_LD | BPF_IMM, SIGN),
	BPF_STMT(BPF_RET | BPF_K, 0),
};
#define LENGTH (sizeof(code) / sizeof(code[0]))

/* Instructions; -errno. */
static int filter_length(int fd)
{
	socklen_t n = 0; /* SO_GET_FILTER counts instructions, not bytes */

	return getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &n) < 0 ? -errno : (int)n;
}

bool door_is_shut(int fd)
{
	struct sock_filter found[LENGTH];
	socklen_t n = LENGTH;

	return filter_length(fd) == LENGTH &&
	       getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, found, &n) == 0 && found[0].k == SIGN &&
	       found[0].code == code[0].code;
}

int door_shut(int fd)
{
	struct sock_fprog prog = { LENGTH, code };
	int length = filter_length(fd);

	if (length && !door_is_shut(fd))
		return length < 0 ? length : -EBUSY;
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) < 0 ? -errno : 0;
}

int door_open(int fd)
{
	int unused = 0;

	if (!door_is_shut(fd))
		return 0;
	return setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused)) < 0 ? -errno
											 : 0;
}
