/* SPDX-License-Identifier: Apache-2.0 */
/* See areas.h. */
#include <errno.h>
#include <sys/mman.h>

#include "objects/memory/areas.h"

int area_mmap(struct restore_task *t, struct restore_vma *v, uint64_t at, int prot, int flags,
	      int fd, uint64_t off)
{
	size_t len = v->e->end - v->e->start;
	void *p = mmap((void *)at, len, prot, flags | MAP_FIXED_NOREPLACE, fd, off);

	if (p == MAP_FAILED && errno == EEXIST)
		return -EEXIST;
	if (p == MAP_FAILED)
		return err_add_pid(restore_err(t->r), t->vpid,
				   err_sys(restore_err(t->r), "mmap",
					   "can't map %zu bytes for the area %llx-%llx", len,
					   (unsigned long long)v->e->start,
					   (unsigned long long)v->e->end));
	if ((uint64_t)p != at) {
		munmap(p, len);
		return -EEXIST;
	}
	v->addr = at;
	v->prot = prot;
	v->placed = true;
	return 0;
}
