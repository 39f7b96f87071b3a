/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See predict.h. Size, as it is taken from the disk: the pages that the page tables show now, what
 * is in deleted files and pipes, and images of entries in whole blocks; most fill but one. Time:
 * looking at the tree took as long as collecting its state will; a visit of the agent and the
 * freezing cost so much a thread (measured on several machines: 0.1 to 0.3 ms); memory is copied at
 * a rate that is measured on the tree's own memory.
 */
#include "engine/examine/predict.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "engine/dump/dump.h"
#include "image/constants.h"
#include "kernel/pagemap.h"
#include "objects/registry.h"

#define THREAD_US    200
#define SAMPLE	     (UINT64_C(4) << 20)
#define DEFAULT_RATE UINT64_C(1000) /* bytes a microsecond */

/* Images that every set has (inventory, pstree, files, seccomp, timens, stats, manifest), and that
 * every task has beside its pages (fdinfo, fs, ids, mm, pagemap, our own). A thread has its core. */
enum { IMAGES_OF_SET = 7, IMAGES_OF_TASK = 6, IMAGES_OF_THREAD = 1 };

/* Bytes of entries: averages of what real sets hold. */
enum { SIZE_MM = 700, SIZE_AREA = 48, SIZE_FILE = 64, SIZE_RUN = 16 };

/* Shared memory is saved once, wherever it is mapped; a view of it shows what is in that view. */
static uint64_t shared_bytes(const struct dump *d)
{
	struct hash seen = { 0 };
	uint64_t bytes = 0;

	for (size_t i = 0; i < d->n_tasks; i++)
		for (size_t k = 0; k < d->tasks[i]->n_vmas; k++) {
			const struct proc_area *a = d->tasks[i]->vmas[k].area;
			uint64_t key = hash_mix(
				hash_mix(a->ino, ((uint64_t)a->major << 32) | a->minor), a->offset);
			uint64_t kb = (uint64_t)a->rss_kb + a->swap_kb + a->shared_hugetlb_kb;
			uint64_t here = kb << 10, known;

			if (!(d->tasks[i]->vmas[k].vma->status & VMA_ANON_SHARED) || !here)
				continue;
			known = (uintptr_t)hash_get(&seen, key);
			if (here <= known)
				continue;
			bytes += here - known;
			hash_put(&seen, key, (void *)(uintptr_t)here);
		}
	hash_free(&seen);
	return bytes;
}

static uint64_t private_bytes(const struct dump_task *t)
{
	const struct page_runs *runs = t->priv[SLOT_PAGES];
	uint64_t bytes = 0;

	for (size_t i = 0; runs && i < runs->n; i++)
		if (!(runs->runs[i].categories & PM_GUARD))
			bytes += runs->runs[i].end - runs->runs[i].start;
	return bytes;
}

/* Of an image beyond its first block. */
static uint64_t further_blocks(uint64_t bytes)
{
	return bytes > IMAGE_BLOCK ? (bytes - 1) / IMAGE_BLOCK * IMAGE_BLOCK : 0;
}

static uint64_t entry_bytes(const struct dump *d)
{
	uint64_t bytes = IMAGES_OF_SET * IMAGE_BLOCK + further_blocks(d->n_files * SIZE_FILE);

	for (size_t i = 0; i < d->n_tasks; i++) {
		const struct dump_task *t = d->tasks[i];
		const struct page_runs *runs = t->priv[SLOT_PAGES];

		bytes += (IMAGES_OF_TASK + t->n_threads * IMAGES_OF_THREAD) * IMAGE_BLOCK;
		bytes += further_blocks(SIZE_MM + t->n_vmas * SIZE_AREA);
		bytes += further_blocks(runs ? runs->n * SIZE_RUN : 0);
		if (t->table && t->table->owner == t)
			bytes += further_blocks(t->table->n_fds * SIZE_FILE / 4);
	}
	return bytes;
}

/* From the process into new memory, as into an image that the page cache takes. */
static uint64_t copy_sample(const struct dump_task *t, uint64_t start, uint64_t len, void *buf,
			    int fd)
{
	struct iovec local = { buf, len }, remote = { (void *)start, len };
	ssize_t got = process_vm_readv(t->stop->via, &local, 1, &remote, 1, 0);

	return got > 0 && write(fd, buf, got) == got ? (uint64_t)got : 0;
}

/* Bytes a microsecond. */
static uint64_t copy_rate(const struct dump *d)
{
	_cleanup_fd_ int fd = memfd_create("sample", MFD_CLOEXEC);
	_cleanup_free_ void *buf = malloc(SAMPLE);
	uint64_t bytes = 0, start = monotonic_ns(), us;

	for (size_t i = 0; buf && fd >= 0 && i < d->n_tasks && bytes < SAMPLE; i++) {
		const struct page_runs *runs = d->tasks[i]->priv[SLOT_PAGES];

		for (size_t k = 0; runs && k < runs->n && bytes < SAMPLE; k++) {
			uint64_t len = runs->runs[k].end - runs->runs[k].start;

			if (runs->runs[k].categories & PM_GUARD)
				continue;
			len = len < SAMPLE - bytes ? len : SAMPLE - bytes;
			bytes += copy_sample(d->tasks[i], runs->runs[k].start, len, buf, fd);
		}
	}
	us = (monotonic_ns() - start) / 1000;
	return bytes > 256 * 1024 && us ? bytes / us + 1 : DEFAULT_RATE;
}

void predict(struct dump *d, uint64_t looking_us)
{
	struct prediction *p = &d->s->prediction;
	uint64_t memory = shared_bytes(d);

	*p = (struct prediction){ .made = true };
	for (size_t i = 0; i < d->n_tasks; i++) {
		p->tasks++;
		p->threads += d->tasks[i]->n_threads;
		memory += private_bytes(d->tasks[i]);
	}
	p->image_bytes = memory + d->content_bytes + entry_bytes(d);
	p->freeze_us =
		looking_us + p->threads * THREAD_US + (memory + d->content_bytes) / copy_rate(d);
}
