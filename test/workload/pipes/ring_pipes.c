/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four processes pump data in buffers of 1 MiB round a ring of pipes: nothing is lost, doubled or
 * changed.
 *
 * wl: areas pipes
 * wl: cycles 5
 */
#define _GNU_SOURCE
#include <fcntl.h>

#include "workload.h"
#include "ring.h"

static void make_link(int number, int *ret_ends)
{
	(void)number;
	wl_try(pipe(ret_ends));
}
