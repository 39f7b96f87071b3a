/* SPDX-License-Identifier: Apache-2.0 */
/* The classes of memory areas, and what they share. */
#ifndef OBJECTS_MEMORY_AREAS_H
#define OBJECTS_MEMORY_AREAS_H

#include "objects/class.h"

extern const struct area_class anon_area, file_area, vdso_area, vvar_area, vsyscall_area;

/* mmap at `at` with MAP_FIXED_NOREPLACE; -EEXIST when something is there (also from kernels before 4.17,
 * which take the address for a hint), other failures fill the error. */
int area_mmap(struct restore_task *t, struct restore_vma *v, uint64_t at, int prot, int flags,
	      int fd, uint64_t off);

#endif
