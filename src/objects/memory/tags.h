/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guards of the processor that an area has in its protection: where branches may lead (PROT_BTI)
 * and tags (PROT_MTE), both of aarch64. The entry's prot has them, as mmap(2) takes them; the tags
 * themselves are in the crtools-task image.
 */
#ifndef OBJECTS_MEMORY_TAGS_H
#define OBJECTS_MEMORY_TAGS_H

#include "model/dump.h"
#include "model/restore.h"

/* Bits beside PROT_READ, PROT_WRITE and PROT_EXEC. */
uint32_t area_guards(const struct proc_area *a);
/* With tags: the area can't be one with its neighbours for a while. */
bool area_is_tagged(const VmaEntry *e);

/* Whether it can be found out which protection keys are allocated, without a trace. */
bool area_keys_known(void);

/* The tags of the stopped task's memory. */
int tags_collect(struct dump_task *t);
/* check -t, and collect: what of the area can't be kept. */
void tags_judge(struct dump_task *t, const struct proc_area *area);
/* What of the protections and tags this processor can't do, or nobody. */
int tags_check(struct restore_task *t);
/* In the forked task, when the area is filled; inherited: where the forker had it, else 0. */
int tags_put(struct restore_task *t, const struct restore_vma *v, uint64_t inherited);

#endif
