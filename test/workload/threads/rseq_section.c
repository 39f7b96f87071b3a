/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two threads run long restartable sequences all the time. A freeze in the middle of one must
 * end in its abort handler or leave the descriptor pointer in place; never may the section be
 * gone on with while the pointer was cleared under it.
 *
 *	wl: areas   threads
 *	wl: flavours host user ns userns
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#define SECTION_FLAGS 0
#include "rseq_run.h"

int main(int argc, char **argv)
{
	(void)argc;
	run_sections(argv);
	wl_pass();
}
