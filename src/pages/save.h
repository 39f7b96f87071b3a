/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saving pages: from a source (a stopped process, a file) to a sink (a pages file),
 * a few megabytes at a time, by several workers at once when there is much.
 */
#ifndef PAGES_SAVE_H
#define PAGES_SAVE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/progress.h"
#include "pages/extents.h"

/* Where bytes come from. read() fills buf with the bytes of n extents, in order; it may be called
 * by several threads at a time. */
struct page_source {
	int (*read)(const struct page_source *src, const struct page_extent *e, size_t n, void *buf,
		    struct err *err);
	pid_t pid;		     /* of a process: a thread of it that is stopped */
	bool by_tracer;		     /* the calling thread is its tracer */
	int mem_fd;		     /* /proc/PID/mem: what process_vm_readv may not read; -1 */
	int file_fd;		     /* of a file: extents are offsets in it */
	const unsigned char *memory; /* of the tool's own: extents are offsets from here */
	_Atomic bool *unwanted;	     /* true: nobody needs the rest (-ECANCELED); NULL */
};

/* Where they go. A worker takes parts of the file and asks first for room, memory that the source
 * can read a whole part into, which puts it in the file; where room() is NULL or gives NULL, the
 * part is read into a buffer and given to write(), piece by piece. done(), which may be NULL, is
 * told of each part that is complete. All of them are called by several threads at a time. */
struct page_sink {
	char *(*room)(const struct page_sink *sink, uint64_t off, uint64_t end);
	int (*write)(const struct page_sink *sink, const void *buf, size_t len, uint64_t off,
		     struct err *err);
	void (*done)(const struct page_sink *sink, uint64_t off, uint64_t end);
	int fd;
	uint64_t part;		  /* bytes that a worker claims at a time */
	struct tmpfs_file *tmpfs; /* see sink_tmpfs.c */
};

#define PAGE_PIECE (256ul << 10) /* one read and one write; fits the second-level cache */

/* The write() of a file. */
int page_sink_write(const struct page_sink *sink, const void *buf, size_t len, uint64_t off,
		    struct err *err);
void page_source_process(struct page_source *src, pid_t pid, int mem_fd);
/* The last page may reach beyond the end of the file: zeroes. */
void page_source_file(struct page_source *src, int fd);
void page_source_memory(struct page_source *src, const unsigned char *memory);
/* An empty file, open for reading and writing, that all pages of x will go to. */
void page_sink_open(struct page_sink *sink, int fd, const struct page_extents *x);
void page_sink_close(struct page_sink *sink);

/* How many threads copy that much. */
size_t page_workers(uint64_t bytes);
#define PAGE_WORKERS_MAX 8

/* A part that only the process' tracer may read, for pages_copy_left(). */
struct page_left {
	struct page_left *next;
	uint64_t off, end;
	char *room;
};

/* All PRESENT extents from the source to the sink; progress (may be NULL) is told of each piece.
 * ret_left: the parts that the kernel lets nobody but the tracing thread read, which may be another
 * one than this, and is needed for more than copying; the sink then stays open for them. NULL: such
 * parts are an error. */
int pages_copy(const struct page_extents *x, const struct page_source *src,
	       const struct page_sink *sink, struct progress *progress, struct page_left **ret_left,
	       struct err *err);
void page_left_free(struct page_left *left);
/* In the tracing thread; frees the list, whatever comes of it. src: as for pages_copy(). */
int pages_copy_left(const struct page_extents *x, struct page_source *src,
		    const struct page_sink *sink, struct progress *progress, struct page_left *left,
		    struct err *err);

#endif
