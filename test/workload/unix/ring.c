/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four processes pump data in buffers of 1 MiB round a ring of stream pairs: nothing is lost,
 * doubled or changed.
 *
 * wl: areas unix-sockets
 * wl: cycles 5
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/socket.h>

#include "workload.h"
#include "../pipes/ring.h"

static void make_link(int number, int *ret_ends)
{
	(void)number;
	wl_try(socketpair(AF_UNIX, SOCK_STREAM, 0, ret_ends));
}
