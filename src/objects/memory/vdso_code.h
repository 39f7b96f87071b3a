/* SPDX-License-Identifier: Apache-2.0 */
/* What of the vdso belongs to a processor: vdso_code_<arch>.c. */
#ifndef OBJECTS_MEMORY_VDSO_CODE_H
#define OBJECTS_MEMORY_VDSO_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VDSO_CODE_MAX 32

/*
 * Code for the entry of a function at `from`, of which old_code are the first bytes: a jump to
 * another one; the system call that it stands for, by its name without prefix. VDSO_CODE_MAX bytes
 * at most; returns how many, 0 if there is none.
 */
size_t vdso_code_jump(bool wide, const unsigned char *old_code, uint64_t from, uint64_t to,
		      unsigned char *code);
size_t vdso_code_call(const char *name, const unsigned char *old_code, unsigned char *code);
/* Is the place at off right behind a system call's instruction? */
bool vdso_code_after_call(const unsigned char *code, uint64_t off);

#endif
