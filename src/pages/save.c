/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See save.h. A worker claims a part, and reads it to where the sink has room for it, or piece by
 * piece into a buffer that stays in the processor's cache and is given to the sink: the pages cross
 * the memory bus once as they are read and once as they land in the page cache. The tool writes,
 * not the process: its limits and its control group do not see the dump.
 */
#include "pages/save.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "image/constants.h"
#include "kernel/tracer.h"

#define IOVS	    512
#define SMALL_SET   (1ul << 20)
#define SMALL_PIECE (32ul << 10)

/* Word by word, which no setting of the kernel forbids a tracer. */
static int peek(pid_t tid, char *buf, size_t len, uint64_t addr)
{
	for (size_t at = 0; at < len; at += sizeof(long)) {
		long word;

		errno = 0;
		word = tracer_ptrace(PTRACE_PEEKDATA, tid, addr + at, 0);
		if (errno)
			return -errno;
		memcpy(buf + at, &word, sizeof(word));
	}
	return 0;
}

/*
 * Passes over the protection of memory. Linux 6.12 can be told to let only the tracing thread do
 * that (CONFIG_PROC_MEM_FORCE_PTRACE, proc_mem.force_override=ptrace), or nobody: EIO.
 */
static int read_by_mem(const struct page_source *src, const struct page_extent *e, size_t n,
		       char *buf, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		size_t len = e[i].end - e[i].start;
		int ret = pread_full(src->mem_fd, buf, len, e[i].start);

		if (ret == -EIO && !src->by_tracer)
			return ret;
		if (ret == -EIO)
			ret = peek(src->pid, buf, len, e[i].start);
		if (ret < 0)
			return err_set(err, ERR_KERNEL, -ret,
				       "can't read memory %llx-%llx of process %d",
				       (unsigned long long)e[i].start, (unsigned long long)e[i].end,
				       src->pid);
		buf += len;
	}
	return 0;
}

/* How many extents at the start of e one call takes: all of them in common with others, or none. */
static size_t next_batch(const struct page_extent *e, size_t n, size_t *ret_len)
{
	size_t i = 0;

	*ret_len = 0;
	for (; i < n && i < IOVS && !((e[i].flags ^ e[0].flags) & PE_IN_COMMON); i++)
		*ret_len += e[i].end - e[i].start;
	return i;
}

static bool read_by_vm(const struct page_source *src, const struct page_extent *e, size_t n,
		       char *buf, size_t len)
{
	struct iovec remote[IOVS], local = { buf, len };

	for (size_t i = 0; i < n; i++)
		remote[i] = (struct iovec){ (void *)e[i].start, e[i].end - e[i].start };
	return process_vm_readv(src->pid, &local, 1, remote, n, 0) == (ssize_t)len;
}

/*
 * process_vm_readv in batches; areas without PROT_READ need /proc/PID/mem. So do pages that are
 * shared copy-on-write: process_vm_readv pins pages, for which the kernel first gives the process a
 * copy of its own (gup_must_unshare, Linux 5.19). That takes longer than the second copy which
 * /proc/PID/mem makes, and all of it is new memory of a process that must not see the dump.
 */
static int read_process(const struct page_source *src, const struct page_extent *e, size_t n,
			void *buf, struct err *err)
{
	char *out = buf;

	if (src->unwanted && *src->unwanted)
		return -ECANCELED;
	while (n) {
		size_t len, batch = next_batch(e, n, &len);
		bool common = e->flags & PE_IN_COMMON && src->mem_fd >= 0;
		int ret = 0;

		if (common || !read_by_vm(src, e, batch, out, len))
			ret = read_by_mem(src, e, batch, out, err);
		if (ret < 0)
			return ret;
		out += len;
		e += batch;
		n -= batch;
	}
	return 0;
}

static int read_file(const struct page_source *src, const struct page_extent *e, size_t n,
		     void *buf, struct err *err)
{
	char *out = buf;

	for (size_t i = 0; i < n; i++) {
		size_t len = e[i].end - e[i].start, done = 0;

		while (done < len) {
			ssize_t got =
				pread(src->file_fd, out + done, len - done, e[i].start + done);

			if (got < 0 && errno == EINTR)
				continue;
			if (got < 0)
				return err_sys(err, "pread", "can't read shared memory at %llx",
					       (unsigned long long)e[i].start);
			if (!got)
				break;
			done += got;
		}
		memset(out + done, 0, len - done);
		out += len;
	}
	return 0;
}

void page_source_process(struct page_source *src, pid_t pid, int mem_fd)
{
	*src = (struct page_source){ .read = read_process, .pid = pid, .mem_fd = mem_fd };
}

void page_source_file(struct page_source *src, int fd)
{
	*src = (struct page_source){ .read = read_file, .mem_fd = -1, .file_fd = fd };
}

static int read_memory(const struct page_source *src, const struct page_extent *e, size_t n,
		       void *buf, struct err *err)
{
	char *out = buf;

	(void)err;
	for (size_t i = 0; i < n; i++) {
		memcpy(out, src->memory + e[i].start, e[i].end - e[i].start);
		out += e[i].end - e[i].start;
	}
	return 0;
}

void page_source_memory(struct page_source *src, const unsigned char *memory)
{
	*src = (struct page_source){ .read = read_memory, .mem_fd = -1, .memory = memory };
}

struct job {
	const struct page_extents *x;
	const struct page_source *src;
	const struct page_sink *sink;
	size_t piece; /* bytes of one read and one write */
	struct progress *progress;
	struct err *err;
	_Atomic uint64_t next; /* offset in the pages file of the next part */
	_Atomic int failed;    /* first negative errno */
	pthread_mutex_t lock;  /* of the list */
	struct page_left *left;
	bool may_leave;
};

/* The PRESENT extent that holds this offset of the pages file. */
static size_t extent_at(const struct page_extents *x, uint64_t off)
{
	size_t low = 0, high = x->n;

	while (high - low > 1) {
		size_t mid = (low + high) / 2;

		if (x->e[mid].file_off <= off)
			low = mid;
		else
			high = mid;
	}
	/* Extents without bytes have the offset of the next one that has some. */
	while (low < x->n && !(x->e[low].flags & PE_PRESENT))
		low++;
	return low;
}

/* Cuts the bytes [off, end) of the pages file into address ranges, at most max of them. Returns
 * their number; *ret_len is how many bytes they are. */
static size_t cut(const struct page_extents *x, size_t *at, uint64_t off, uint64_t end,
		  struct page_extent *out, size_t max, size_t *ret_len)
{
	size_t n = 0;

	*ret_len = 0;
	while (off < end && n < max && *at < x->n) {
		const struct page_extent *e = &x->e[*at];
		uint64_t skip, len;

		if (!(e->flags & PE_PRESENT)) {
			++*at;
			continue;
		}
		skip = off - e->file_off;
		len = e->end - e->start - skip;
		if (len > end - off)
			len = end - off;
		out[n++] = (struct page_extent){ e->start + skip, e->start + skip + len, off,
						 e->flags };
		off += len;
		*ret_len += len;
		if (skip + len == e->end - e->start)
			++*at;
	}
	return n;
}

/* Of a small process each page of the buffer that is touched counts. */
static size_t piece_of(const struct page_extents *x)
{
	return x->bytes < SMALL_SET ? SMALL_PIECE : PAGE_PIECE;
}

/* Reads [off, end) of the pages file to room, or through buf where there is none. */
static int copy_part(struct job *job, uint64_t off, uint64_t end, char *room, void *buf)
{
	size_t at = extent_at(job->x, off);

	while (off < end && !job->failed) {
		struct page_extent e[PAGE_PIECE / PAGE_SIZE_];
		uint64_t stop = end - off > job->piece ? off + job->piece : end;
		size_t len, n = cut(job->x, &at, off, stop, e, ARRAY_SIZE(e), &len);
		int ret = job->src->read(job->src, e, n, room ? room : buf, job->err);

		if (ret == 0 && !room)
			ret = job->sink->write(job->sink, buf, len, off, job->err);
		if (ret < 0)
			return ret;
		off += len;
		if (room)
			room += len;
		if (job->progress)
			progress_step(job->progress, len);
	}
	return 0;
}

static int leave(struct job *job, uint64_t off, uint64_t end, char *room)
{
	struct page_left *left = malloc(sizeof(*left));

	if (!left)
		return err_set(job->err, ERR_RESOURCE, ENOMEM, "no memory to copy pages");
	pthread_mutex_lock(&job->lock);
	*left = (struct page_left){ job->left, off, end, room };
	job->left = left;
	pthread_mutex_unlock(&job->lock);
	return 0;
}

static int do_part(struct job *job, uint64_t off, uint64_t end, char *room, void *buf)
{
	int ret = copy_part(job, off, end, room, buf);

	if (ret == -EIO && job->may_leave && !err_is_set(job->err))
		return leave(job, off, end, room);
	if (ret == -EIO && !err_is_set(job->err))
		return err_set(job->err, ERR_KERNEL, EIO, "can't read memory of process %d",
			       job->src->pid);
	if (job->sink->done)
		job->sink->done(job->sink, off, end);
	return ret;
}

static void *work(void *arg)
{
	struct job *job = arg;
	const struct page_sink *sink = job->sink;
	/* Of the heap, which keeps it: it was touched before when the next task comes. */
	void *buf = aligned_alloc(PAGE_SIZE_, job->piece);
	int ret = buf ? 0 : err_sys(job->err, "malloc", "no memory to copy pages");

	while (ret == 0 && !job->failed) {
		uint64_t off = atomic_fetch_add(&job->next, sink->part), end = off + sink->part;

		if (off >= job->x->bytes)
			break;
		if (end > job->x->bytes)
			end = job->x->bytes;
		ret = do_part(job, off, end, sink->room ? sink->room(sink, off, end) : NULL, buf);
	}
	if (ret < 0)
		job->failed = ret;
	free(buf);
	return NULL;
}

int pages_copy(const struct page_extents *x, const struct page_source *src,
	       const struct page_sink *sink, struct progress *progress, struct page_left **ret_left,
	       struct err *err)
{
	struct job job = { .x = x,
			   .src = src,
			   .sink = sink,
			   .piece = piece_of(x),
			   .progress = progress,
			   .err = err,
			   .lock = PTHREAD_MUTEX_INITIALIZER,
			   .may_leave = ret_left };
	size_t n = page_workers(x->bytes), started = 0;
	pthread_t threads[PAGE_WORKERS_MAX];

	while (started + 1 < n && pthread_create(&threads[started], NULL, work, &job) == 0)
		started++;
	work(&job);
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	if (ret_left)
		*ret_left = job.left;
	return job.failed;
}

void page_left_free(struct page_left *left)
{
	while (left) {
		struct page_left *next = left->next;

		free(left);
		left = next;
	}
}

int pages_copy_left(const struct page_extents *x, struct page_source *src,
		    const struct page_sink *sink, struct progress *progress, struct page_left *left,
		    struct err *err)
{
	struct job job = { .x = x,
			   .src = src,
			   .sink = sink,
			   .piece = piece_of(x),
			   .progress = progress,
			   .err = err };
	_cleanup_free_ void *buf = aligned_alloc(PAGE_SIZE_, job.piece);
	int ret = buf ? 0 : err_sys(err, "malloc", "no memory to copy pages");

	src->by_tracer = true;
	for (const struct page_left *part = left; ret == 0 && part; part = part->next)
		ret = do_part(&job, part->off, part->end, part->room, buf);
	page_left_free(left);
	return ret;
}
