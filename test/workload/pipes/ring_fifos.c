/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four processes in a ring of fifos, enlarged to 1 MiB, pump numbered data all the time: nothing is
 * lost, doubled or changed.
 *
 * wl: areas pipes
 * wl: cycles 5
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>

#include "workload.h"
#include "ring.h"

static void make_link(int number, int *ret_ends)
{
	char *path = wl_format("fifo-%d", number);

	wl_try(mkfifo(path, 0600));
	ret_ends[0] = wl_try(open(path, O_RDONLY | O_NONBLOCK));
	ret_ends[1] = wl_try(open(path, O_WRONLY));
	wl_try(fcntl(ret_ends[0], F_SETFL, 0));
	wl_try(fcntl(ret_ends[1], F_SETPIPE_SZ, 1 << 20));
}
