/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restartable sequences whose flags forbid the restart on signal, preemption and migration
 * (before Linux 6.0; newer kernels kill the task for them): one that is frozen in the middle
 * must be completed without abort, with its descriptor pointer still set.
 *
 *	wl: areas   threads
 *	wl: needs   rseq-no-restart x86_64
 */
#define _GNU_SOURCE
#define SECTION_FLAGS 7
#include "rseq_run.h"

int main(int argc, char **argv)
{
	(void)argc;
	run_sections(argv);
	wl_pass();
}
