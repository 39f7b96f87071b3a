/* SPDX-License-Identifier: Apache-2.0 */
/* See tags.h: this processor has no such guards. (Protection keys are in extra.c.) */
#include <sys/mman.h>

#include "objects/memory/areas.h"
#include "objects/memory/tags.h"

uint32_t area_guards(const struct proc_area *a)
{
	(void)a;
	return 0;
}

bool area_is_tagged(const VmaEntry *e)
{
	(void)e;
	return false;
}

bool area_keys_known(void)
{
	return true;
}

void tags_judge(struct dump_task *t, const struct proc_area *area)
{
	(void)t;
	(void)area;
}

int tags_collect(struct dump_task *t)
{
	(void)t;
	return 0;
}

int tags_check(struct restore_task *t)
{
	for (size_t i = 0; i < t->n_vmas; i++)
		if (t->vmas[i].e->prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC))
			return area_corrupt(t, &t->vmas[i], "protection");
	return 0;
}

int tags_put(struct restore_task *t, const struct restore_vma *v, uint64_t inherited)
{
	(void)t;
	(void)v;
	(void)inherited;
	return 0;
}
