/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See tags.h. Memory that is mapped with PROT_MTE has a tag of four bits for each 16 bytes
 * (Documentation/arch/arm64/memory-tagging-extension.rst). They belong to the page, so a page of
 * nothing but zeroes may have some, and pages that are shared copy-on-write share them.
 *
 * A dump reads them by PTRACE_PEEKMTETAGS, of pages that are there: another one would be brought in
 * for it. A restored task writes its own when the pages are filled, before it forks those that
 * inherit them; what it has inherited itself is compared first, so that equal pages stay shared.
 * PROT_MTE can't be taken from an area any more, so calls for its protection on the way do no harm.
 */
#include "kernel/tracer.h"
#include "objects/memory/tags.h"

#include <asm/hwcap.h>
#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include "kernel/pagemap.h"
#include "objects/memory/areas.h"
#include "objects/restored.h"

#define PROT_BTI_	    0x10u
#define PROT_MTE_	    0x20u
#define PTRACE_PEEKMTETAGS_ 33
#define HWCAP2_MTE_	    (1ul << 18)
#define HWCAP2_BTI_	    (1ul << 17)
#define GRANULE		    16u
#define PAGE_GRANULES	    (PAGE_SIZE_ / GRANULE)
#define PAGE_PACKED	    (PAGE_GRANULES / 2) /* bytes of an image */
#define CHUNK		    (UINT64_C(1) << 20) /* bytes of memory that are read in one go */

uint32_t area_guards(const struct proc_area *a)
{
	if (!strcmp(a->path, "[vdso]")) /* the kernel's */
		return 0;
	return (a->vmflags & VMF_(ARM64_BTI) ? PROT_BTI_ : 0) |
	       (a->vmflags & VMF_(MTE) ? PROT_MTE_ : 0);
}

bool area_is_tagged(const VmaEntry *e)
{
	return e->prot & PROT_MTE_;
}

/* Asking for them would change the thread's rights (POR_EL0). */
bool area_keys_known(void)
{
	return false;
}

/* --- dump --------------------------------------------------------------------------------------- */

void tags_judge(struct dump_task *t, const struct proc_area *a)
{
	if (a->vmflags & VMF_(MTE) && a->shared && !(a->vmflags & VMF_(MAYWRITE)))
		task_refuse(t, area_object(dump_arena(t->dump), a),
			    "is tagged (PROT_MTE) and shared, and its task may not write to it: "
			    "its tags could not be set",
			    "map it from a descriptor that is open for writing");
	if (a->pkey > 0)
		task_refuse(t, area_object(dump_arena(t->dump), a),
			    "has a protection key (POE), which this version can't keep",
			    "dump it before it has called pkey_mprotect(2)");
}

/* One tag a byte; how many could be read. */
static size_t peek(pid_t tid, uint64_t at, unsigned char *tags, size_t n)
{
	struct iovec iov = { tags, n };

	return tracer_ptrace(PTRACE_PEEKMTETAGS_, tid, at, (uintptr_t)&iov) < 0 ? 0 : iov.iov_len;
}

static bool any_tag(const unsigned char *tags)
{
	return tags[0] || memcmp(tags, tags + 1, PAGE_GRANULES - 1);
}

/* n pages from start, one after the other, that all have tags. */
static void keep(struct dump_task *t, uint64_t start, const unsigned char *tags, size_t n)
{
	struct arena *a = dump_arena(t->dump);
	CrtoolsTags *e = arena_msg(a, CrtoolsTags, crtools_tags);
	unsigned char *packed = arena_alloc(a, n * PAGE_PACKED);

	for (size_t i = 0; i < n * PAGE_PACKED; i++)
		packed[i] = (tags[2 * i] & 0xf) | tags[2 * i + 1] << 4;
	e->has_start = e->has_tags = true;
	e->start = start;
	e->tags = (ProtobufCBinaryData){ n * PAGE_PACKED, packed };
	arena_push(a, t->extra->tags, t->extra->n_tags, e);
}

static void keep_chunk(struct dump_task *t, uint64_t start, const unsigned char *tags, size_t n)
{
	for (size_t i = 0, k; i < n; i = k + 1) {
		for (k = i; k < n && any_tag(tags + k * PAGE_GRANULES); k++)
			;
		if (k > i)
			keep(t, start + i * PAGE_SIZE_, tags + i * PAGE_GRANULES, k - i);
	}
}

/* A page that can't be read is a guard that looks like a swapped one. */
static void read_run(struct dump_task *t, uint64_t start, uint64_t end, unsigned char *tags)
{
	while (start < end) {
		uint64_t len = end - start < CHUNK ? end - start : CHUNK;
		size_t n =
			peek(t->threads[0].stop->tid, start, tags, len / GRANULE) / PAGE_GRANULES;

		keep_chunk(t, start, tags, n);
		start += n ? n * PAGE_SIZE_ : PAGE_SIZE_;
	}
}

static int read_tags(struct dump_task *t, const struct page_span *spans, size_t n)
{
	static const struct pagemap_cond there = { .any = PM_PRESENT | PM_SWAPPED };
	unsigned char *tags = arena_alloc(dump_arena(t->dump), CHUNK / GRANULE);
	struct page_runs runs = { 0 };
	struct pagemap pm;
	int ret = pagemap_open(&pm, &t->stop->proc, dump_err(t->dump));

	if (ret < 0)
		return ret;
	ret = pagemap_find(&pm, spans, n, &there, 0, &runs, dump_err(t->dump));
	pagemap_close(&pm);
	for (size_t i = 0; ret == 0 && i < runs.n; i++)
		read_run(t, runs.runs[i].start, runs.runs[i].end, tags);
	page_runs_free(&runs);
	return ret;
}

int tags_collect(struct dump_task *t)
{
	struct page_span *spans;
	size_t n = 0;

	for (size_t i = 0; i < t->n_vmas; i++)
		n += area_is_tagged(t->vmas[i].vma);
	if (!n)
		return 0;
	spans = arena_array(dump_arena(t->dump), struct page_span, n);
	n = 0;
	for (size_t i = 0; i < t->n_vmas; i++)
		if (area_is_tagged(t->vmas[i].vma))
			spans[n++] =
				(struct page_span){ t->vmas[i].vma->start, t->vmas[i].vma->end };
	return read_tags(t, spans, n);
}

/* --- restore ------------------------------------------------------------------------------------ */

static const char *object_of(struct restore_task *t, const VmaEntry *e)
{
	return arena_printf(restore_arena(t->r), "mapping %llx", (unsigned long long)e->start);
}

static int check_area(struct restore_task *t, const struct restore_vma *v)
{
	unsigned long have = getauxval(AT_HWCAP2);

	if (v->e->prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_BTI_ | PROT_MTE_))
		return area_corrupt(t, v, "protection");
	if (v->e->prot & PROT_MTE_ && !(have & HWCAP2_MTE_))
		restored_refuse(t, object_of(t, v->e),
				"is tagged (PROT_MTE), and this processor or kernel has no tags",
				"restore where /proc/cpuinfo names the feature mte");
	if (v->e->prot & PROT_BTI_ && !(have & HWCAP2_BTI_)) {
		v->e->prot &= ~PROT_BTI_; /* mprotect(2) does not take it */
		restored_warn(t, object_of(t, v->e),
			      "is guarded against branches to anywhere (PROT_BTI), which this "
			      "processor or kernel can't do; it will not be",
			      "");
	}
	return 0;
}

static int check_tags(struct restore_task *t)
{
	uint64_t last = 0;

	for (size_t i = 0; t->extra && i < t->extra->n_tags; i++) {
		const CrtoolsTags *e = t->extra->tags[i];
		uint64_t pages = e->tags.len / PAGE_PACKED;

		if (!e->has_start || e->start % PAGE_SIZE_ || e->start < last || !pages ||
		    e->tags.len % PAGE_PACKED || e->start > UINT64_MAX - pages * PAGE_SIZE_)
			return image_bad(t, IMAGE_CRTOOLS_TASK, t->vpid,
					 "the tags of memory at %llx make no sense",
					 (unsigned long long)e->start);
		last = e->start + pages * PAGE_SIZE_;
	}
	return 0;
}

int tags_check(struct restore_task *t)
{
	int ret = check_tags(t);

	for (size_t i = 0; ret == 0 && i < t->n_vmas; i++)
		ret = check_area(t, &t->vmas[i]);
	return ret;
}

static unsigned int load_tag(uint64_t at)
{
	__asm__ volatile(".arch armv8.5-a+memtag\n\t"
			 "ldg %0, [%0]"
			 : "+r"(at)
			 :
			 : "memory");
	return at >> 56 & 0xf;
}

static void store_tag(uint64_t at, unsigned int tag)
{
	at |= (uint64_t)tag << 56;
	__asm__ volatile(".arch armv8.5-a+memtag\n\t"
			 "stg %0, [%0]"
			 :
			 : "r"(at)
			 : "memory");
}

/* Of the page of the image; 0 where it has none. Entries ascend. */
static const unsigned char *tags_of(const struct restore_task *t, uint64_t page)
{
	size_t low = 0, high = t->extra ? t->extra->n_tags : 0;

	while (low < high) {
		const CrtoolsTags *e = t->extra->tags[(low + high) / 2];
		uint64_t i = (page - e->start) / PAGE_SIZE_;

		if (page < e->start)
			high = (low + high) / 2;
		else if (i < e->tags.len / PAGE_PACKED)
			return e->tags.data + i * PAGE_PACKED;
		else
			low = (low + high) / 2 + 1;
	}
	return NULL;
}

static void put_page(uint64_t at, const unsigned char *packed)
{
	for (size_t i = 0; i < PAGE_GRANULES; i++) {
		unsigned int tag = packed ? packed[i / 2] >> i % 2 * 4 & 0xf : 0;

		if (load_tag(at + i * GRANULE) != tag)
			store_tag(at + i * GRANULE, tag);
	}
}

/* Does any entry of the task lie in the area? */
static bool any_in(const struct restore_task *t, uint64_t start, uint64_t end)
{
	for (size_t i = 0; t && t->extra && i < t->extra->n_tags; i++) {
		const CrtoolsTags *e = t->extra->tags[i];

		if (e->start < end && e->start + e->tags.len / PAGE_PACKED * PAGE_SIZE_ > start)
			return true;
	}
	return false;
}

int tags_put(struct restore_task *t, const struct restore_vma *v, uint64_t inherited)
{
	uint64_t start = v->e->start, len = v->e->end - start;
	int ret = 0;

	if (!area_is_tagged(v->e) || !v->placed ||
	    (!any_in(t, start, v->e->end) &&
	     !(inherited && any_in(t->forker, inherited, inherited + len))))
		return 0;
	ret = mprotect((void *)v->addr, len, PROT_READ | PROT_WRITE | PROT_MTE_);
	for (uint64_t at = 0; ret == 0 && at < len; at += PAGE_SIZE_) {
		const unsigned char *packed = tags_of(t, start + at);

		if (packed || (inherited && tags_of(t->forker, inherited + at)))
			put_page(v->addr + at, packed);
	}
	if (ret == 0)
		ret = mprotect((void *)v->addr, len, v->prot);
	return ret < 0 ? err_sys(restore_err(t->r), "mprotect", "can't set the tags of area %llx",
				 (unsigned long long)start)
		       : 0;
}
