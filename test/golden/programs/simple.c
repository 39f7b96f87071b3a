/* SPDX-License-Identifier: Apache-2.0 */
/* Golden set "simple": one process with its three standard descriptors, waiting. */
#define _GNU_SOURCE
#include "workload.h"

int main(void)
{
	wl_ready_and_wait();
	wl_pass();
}
