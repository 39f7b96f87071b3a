/* SPDX-License-Identifier: Apache-2.0 */
/* The symbols of a vdso, and how an old one is led to a new one. No effects but on the bytes given.
 */
#ifndef OBJECTS_MEMORY_VDSO_ELF_H
#define OBJECTS_MEMORY_VDSO_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VDSO_SYMBOLS 64

struct vdso_symbol {
	const char *name; /* in the image's bytes */
	uint64_t value;	  /* offset from the vdso's start */
	uint64_t room;	  /* bytes up to the next symbol, or to the end */
};

struct vdso_image {
	const unsigned char *bytes;
	size_t size;
	bool wide; /* 64-bit code */
	struct vdso_symbol symbols[VDSO_SYMBOLS];
	size_t n;
};

/* The functions that the vdso exports. -EBADMSG: it makes no sense (it may come from an image). The
 * result points into bytes. */
int vdso_parse(const void *bytes, size_t size, struct vdso_image *ret);

/*
 * Overwrites the entry of each function in old's bytes (which are at `bytes`, writable) with a jump
 * to the function of that name in the vdso that will be at new_at; where the new one lacks it, with
 * the system call that it stands for. Functions that use no data of the kernel are left as they
 * are. Returns 0, or -ENOSPC, -ENOENT with *ret_name the function that can't be led over.
 */
int vdso_relink(unsigned char *bytes, const struct vdso_image *old, uint64_t old_at,
		const struct vdso_image *new, uint64_t new_at, const char **ret_name);

#endif
