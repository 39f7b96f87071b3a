/* SPDX-License-Identifier: Apache-2.0 */
/* This kernel's block of vvar and vdso: what it consists of, and how a restored task gets it. */
#ifndef OBJECTS_MEMORY_VDSO_BLOCK_H
#define OBJECTS_MEMORY_VDSO_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/restore.h"

#define VDSO_PARTS 8

struct vdso_part {
	uint64_t off, len; /* from the start of the block */
	bool code;	   /* the vdso, not one of the vvars */
};

/* In address order. */
struct vdso_block {
	bool known;
	struct vdso_part parts[VDSO_PARTS]; /* vvars that touch each other are one, as in images */
	size_t n;
	struct vdso_part areas[VDSO_PARTS]; /* as the kernel has them */
	size_t n_areas;
	uint64_t own; /* where the tool has it */
	uint64_t size;
	unsigned char *code;
	const struct vdso_part *vdso; /* NULL: this kernel has none */
};

/* That of the task's kind of program. Found out by the tool as it checks; tasks inherit it. */
int vdso_block_of(struct restore_task *t, const struct vdso_block **ret);
/* Puts calls into the task's program that bring it to this address, when the tool's memory is gone.
 */
void vdso_block_emit(struct restore_task *t, const struct vdso_block *b, uint64_t at);

#endif
