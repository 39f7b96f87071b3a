/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs as text, like a trace of what they will do, or have done:
 *
 *	 12  map      mremap(0x7f0012340000, 8192, 8192, MREMAP_MAYMOVE|MREMAP_FIXED, 0x55000000)
 *... must be 0x55000000  # memory area
 */
#ifndef AGENT_LISTING_H
#define AGENT_LISTING_H

#include <stdio.h>

#include "agent/assemble.h"

/* What a call's offsets refer to: an area in the tool's memory, or in another process. */
struct listing {
	/* Copies n bytes from an offset of the area; a negative errno if they are not to be had. */
	int (*read)(const void *source, uint64_t off, void *buf, size_t n);
	const void *source;
};

/* Of an area in the tool's memory. */
struct listing listing_of_area(const struct area *area);

/* "mprotect(0x1000, 4096, PROT_READ)", without what it must give and without its note. */
void listing_call(FILE *out, const struct listing *l, const struct agent_call *call);
/* The same into a buffer, cut where that ends; returns it. */
const char *listing_text(char *buf, size_t size, const struct listing *l,
			 const struct agent_call *call);
/* A finished program, a line a call, with its stages. */
void listing_program(FILE *out, const struct program *p);

#endif
