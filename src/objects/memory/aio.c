/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts of Linux' own asynchronous I/O (io_setup(2)). A context is its ring: a shared mapping of
 * a file of the kernel's, whose address is the context's id (fs/aio.c). The ring starts with a
 * header and holds the events that nobody has fetched yet; a program may read them there itself.
 *
 * The kernel believes its own copy of the tail. So a new context, which is as long as the old one,
 * is brought to the old tail by requests that are done at once, events and head are written over,
 * and the ring is moved to the old address, which changes the id (aio_ring_mremap(), Linux 3.19).
 * The number in the header under which the process' table has the context stays the new one's.
 *
 * A fork does not give the child the context, though it has the mapping: io_getevents(2) tells.
 * Requests that are under way go on while the tree stands still, and their events come into the
 * ring: so the dump waits for them. How many there are is read in the kernel's memory
 * (aio_kernel.c). Where that can't be, nothing shows them: the dump waits as long as some end.
 * Those that wait for a file are given again (aio_poll.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/interrupt.h"
#include "image/constants.h"
#include "kernel/ptrace.h"
#include "objects/memory/aio.h"
#include "objects/memory/areas.h"
#include "objects/registry.h"
#include "objects/restored.h"
#include "pages/fill.h"

#define AIO_MAGIC    0xa10a10a1u /* of the file system, and of the ring */
#define LENGTH_LIMIT (UINT64_C(1) << 31)
#define SPARE_EVENTS 2 /* that the kernel adds to what a context is to hold (aio_setup_ring()) */
#define QUIET_MS     20
#define AWAIT_MAX    100
#define LOOK_MS	     2
#define PER_CPU	     4 /* requests that a context holds at least for each possible processor */

static uint32_t room_of(uint64_t length)
{
	return (length - sizeof(struct aio_header)) / sizeof(struct io_event);
}

/* The smallest argument of io_setup that gives so many pages. The kernel doubles it. */
static uint32_t requests_of(uint64_t length)
{
	uint32_t too_few = length > PAGE_SIZE_ ? room_of(length - PAGE_SIZE_) : 0;

	return too_few < SPARE_EVENTS ? 1 : (too_few - SPARE_EVENTS) / 2 + 1;
}

bool aio_header_fits(const struct aio_header *h, uint64_t length)
{
	return h->magic == AIO_MAGIC && h->header_length == sizeof(*h) &&
	       h->nr == room_of(length) && h->tail < h->nr;
}

/* --- dump ------------------------------------------------------------------------------------- */

/* Which of the task's rings are contexts of its own? */
struct aio_probe {
	const struct dump_area *area;
	call_id id;
	uint64_t context; /* the kernel's; 0: not known */
};

struct aio_probes {
	struct aio_probe *probes;
	size_t n;
};

/* A file may have that name as well. */
static bool match(const struct dump_task *t, const struct proc_area *a)
{
	char link[64];
	_cleanup_fd_ int fd = -1;
	struct statfs fs;

	if (strcmp(a->path, "/[aio]"))
		return false;
	snprintf(link, sizeof(link), "map_files/%llx-%llx", (unsigned long long)a->start,
		 (unsigned long long)a->end);
	fd = openat(t->stop->proc.fd, link, O_PATH | O_CLOEXEC);
	if (fd < 0) /* see lookup.c; what it is not, its head tells (collect) */
		return errno == EPERM && a->deleted && a->shared;
	return fstatfs(fd, &fs) == 0 && (uint32_t)fs.f_type == AIO_MAGIC;
}

static void warn_if_blind(struct dump_task *t, const struct proc_area *a)
{
	uint64_t context;
	int ret = aio_find(t, a->start, &context);

	if (ret < 0 && ret != -ESRCH)
		task_warn(
			t, area_object(dump_arena(t->dump), a),
			"is an AIO context: how many of its requests are under way can't be read "
			"here, and what they do after the dump, which waits as long as some end, is "
			"lost",
			"dump with CAP_SYS_ADMIN, on Linux 5.19 or later with BPF and BTF, or when "
			"the program waits for none");
}

static int collect(struct dump_task *t, const struct proc_area *a, VmaEntry *e)
{
	struct arena *arena = dump_arena(t->dump);
	AioRingEntry *ring = arena_msg(arena, AioRingEntry, aio_ring_entry);
	uint64_t length = a->end - a->start;
	struct aio_header h = { 0 };

	e->status = VMA_AREA_AIORING;
	if (!a->shared || a->offset || task_read(t->stop->via, a->start, &h, sizeof(h)) < 0 ||
	    !aio_header_fits(&h, length)) {
		task_refuse(t, area_object(arena, a),
			    "is a part of the ring of an AIO context, or one that was written over",
			    "have the program end it (io_destroy)");
		return 0;
	}
	warn_if_blind(t, a);
	ring->id = a->start;
	ring->ring_len = length;
	ring->nr_req = requests_of(length);
	arena_push(arena, t->mm->aios, t->mm->n_aios, ring);
	return 0;
}

static uint32_t tail_of(const struct dump_task *t, const VmaEntry *e)
{
	struct aio_header h = { 0 };

	return task_read(t->stop->via, e->start, &h, sizeof(h)) < 0 ? 0 : h.tail;
}

static void rest(unsigned int ms)
{
	const struct timespec moment = { .tv_nsec = ms * 1000000L };

	nanosleep(&moment, NULL);
}

/* Until no event has come for QUIET_MS, or AWAIT_MAX of these have gone by: of the contexts that
 * the kernel's memory does not tell of. */
static void await_events(const struct dump_task *t, const struct aio_probes *all)
{
	uint32_t *tail = arena_array(dump_arena(t->dump), uint32_t, all->n);
	bool moved = false;

	for (size_t i = 0; i < all->n; i++) {
		tail[i] = tail_of(t, all->probes[i].area->vma);
		moved |= !all->probes[i].context;
	}
	for (int n = 0; moved && n < AWAIT_MAX; n++) {
		moved = false;
		rest(QUIET_MS);
		for (size_t i = 0; i < all->n; i++) {
			uint32_t now = tail_of(t, all->probes[i].area->vma);

			moved |= !all->probes[i].context && now != tail[i];
			tail[i] = now;
		}
	}
}

/* Those that wait for a file were under way, if they are so now. */
static uint32_t look(struct dump_task *t, const struct aio_probe *probe)
{
	const VmaEntry *e = probe->area->vma;
	uint32_t tail = tail_of(t, e), left;
	uint64_t *polls;
	size_t n;

	if (aio_under_way(t->dump, probe->context, &left) < 0)
		return UINT32_MAX;
	if (!left || aio_polls(t, probe->context, &polls, &n) < 0 || n < left)
		return left;
	aio_polls_save(t, e->start, tail, polls, n);
	return 0;
}

/* Until all of a context's requests have ended, or the time is over: how many have not. */
static int await_end(struct dump_task *t, const struct aio_probe *probe, uint64_t until,
		     uint32_t *ret_left)
{
	int ret = 0;

	for (;;) {
		*ret_left = look(t, probe);
		if (!*ret_left || (until && monotonic_ns() >= until))
			return 0;
		ret = interrupt_check(dump_err(t->dump), "waiting for AIO requests to end");
		if (ret < 0)
			return ret;
		rest(LOOK_MS);
	}
}

/* The time is for all of a task's together. */
static int await_ends(struct dump_task *t, const struct aio_probes *all)
{
	unsigned int limit = t->dump->s->opts->timeout;
	uint64_t until = limit ? monotonic_ns() + limit * UINT64_C(1000000000) : 0;
	struct arena *a = dump_arena(t->dump);

	for (size_t i = 0; i < all->n; i++) {
		uint32_t left = 0;
		int ret = all->probes[i].context ? await_end(t, &all->probes[i], until, &left) : 0;

		if (ret < 0)
			return ret;
		if (left)
			task_refuse(
				t, area_object(a, all->probes[i].area->area),
				arena_printf(a,
					     "is an AIO context with %u request%s under way that "
					     "did not end within --timeout",
					     left, left == 1 ? "" : "s"),
				"have the program cancel them, or wait longer");
	}
	return 0;
}

static int collect_contexts(struct dump_task *t)
{
	struct aio_probes *all = NULL;

	for (size_t i = 0; !t->zombie && i < t->n_vmas; i++) {
		const VmaEntry *e = t->vmas[i].vma;
		struct program *p = t->threads[0].prog;
		struct aio_probe probe = { .area = &t->vmas[i] };

		if (!(e->status & VMA_AREA_AIORING))
			continue;
		if (!all)
			all = t->priv[SLOT_AIO] = arena_new(dump_arena(t->dump), struct aio_probes);
		if (aio_find(t, e->start, &probe.context) < 0)
			probe.context = 0;
		program_note(p, "AIO context");
		probe.id = program_call(p, SYS_io_getevents, IMM(e->start), IMM(0), IMM(0), IMM(0),
					IMM(0));
		arena_push(dump_arena(t->dump), all->probes, all->n, probe);
	}
	if (!all)
		return 0;
	await_events(t, all);
	return await_ends(t, all);
}

static int absorb_contexts(struct dump_task *t)
{
	const struct aio_probes *all = t->priv[SLOT_AIO];

	for (size_t i = 0; all && i < all->n; i++)
		if (program_result(t->threads[0].prog, all->probes[i].id) < 0)
			task_refuse(
				t, area_object(dump_arena(t->dump), all->probes[i].area->area),
				"is the ring of an AIO context of another process, from before a "
				"fork",
				"have the program unmap it");
	return 0;
}

/* --- restore ---------------------------------------------------------------------------------- */

static bool claims(const VmaEntry *e)
{
	return e->status & VMA_AREA_AIORING;
}

int aio_read_saved(struct restore_task *t, const VmaEntry *e, size_t len, void *ret)
{
	struct page_pool pool;
	int opened =
		page_pool_open(&pool, t->r->s->images, IMAGE_PAGEMAP, t->vpid, restore_err(t->r));
	int ret_read = opened == 0 ? page_pool_read(&pool, e->start, len, ret) : opened;

	page_pool_close(&pool);
	return ret_read;
}

static const AioRingEntry *ring_of(const struct restore_task *t, const VmaEntry *e)
{
	for (size_t i = 0; i < t->mm->n_aios; i++)
		if (t->mm->aios[i]->id == e->start)
			return t->mm->aios[i];
	return NULL;
}

static int check(struct restore_task *t, struct restore_vma *v)
{
	uint64_t length = v->e->end - v->e->start;
	const AioRingEntry *ring = ring_of(t, v->e);
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	struct aio_header h;
	int ret;

	if (!ring || ring->ring_len != length || length >= LENGTH_LIMIT)
		return area_corrupt(t, v, "ring_len");
	ret = aio_read_saved(t, v->e, sizeof(h), &h);
	if (ret < 0)
		return ret;
	if (!aio_header_fits(&h, length) || h.head >= h.nr)
		return area_corrupt(t, v, "ring: its header makes no sense");
	if (cpus > 0 && 2 * PER_CPU * (uint64_t)cpus + SPARE_EVENTS > room_of(length))
		restored_refuse(t,
				arena_printf(restore_arena(t->r), "AIO context %llx",
					     (unsigned long long)v->e->start),
				"is smaller than any that can be made on a machine with that many "
				"processors",
				"restore on a machine that has not more processors than the one of "
				"the dump");
	return 0;
}

static int failed(struct restore_task *t, const struct restore_vma *v, const char *call,
		  const char *what)
{
	return err_add_pid(restore_err(t->r), t->vpid,
			   err_sys(restore_err(t->r), call, "AIO context %llx: can't %s",
				   (unsigned long long)v->e->start, what));
}

/* The slots of requests that are done come back as the head goes on. Reads of nothing are done at
 * once, and each makes an event. */
static int advance_tail(struct aio_header *ring, uint32_t tail)
{
	_cleanup_fd_ int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct iocb nothing = { .aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = fd };
	struct iocb *batch[64];

	if (fd < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(batch); i++)
		batch[i] = &nothing;
	while (ring->tail < tail) {
		uint32_t left = tail - ring->tail;
		uint32_t n = left < ARRAY_SIZE(batch) ? left : ARRAY_SIZE(batch);

		if (syscall(SYS_io_submit, (aio_context_t)(uintptr_t)ring, n, batch) <= 0)
			return -errno;
		ring->head = ring->tail;
	}
	return 0;
}

/* All but the context's number, and the tail, which is there already. */
static int fill_ring(struct restore_task *t, const struct restore_vma *v, struct aio_header *ring)
{
	size_t length = v->e->end - v->e->start;
	_cleanup_free_ unsigned char *saved = malloc(length);
	const struct aio_header *h = (const void *)saved;
	int ret;

	if (!saved)
		return err_set(restore_err(t->r), ERR_RESOURCE, ENOMEM, "no memory for a ring");
	ret = page_pool_read(t->pages, v->e->start, length, saved);
	if (ret < 0)
		return ret;
	ret = advance_tail(ring, h->tail);
	if (ret < 0) {
		errno = -ret;
		return failed(t, v, "io_submit", "bring its ring to where it was");
	}
	memcpy(ring + 1, h + 1, length - sizeof(*h));
	ring->head = h->head;
	return 0;
}

static int place(struct restore_task *t, struct restore_vma *v, uint64_t at, int flags)
{
	size_t length = v->e->end - v->e->start;
	struct aio_header *ring;
	aio_context_t id = 0;
	int ret = area_mmap(t, v, at, PROT_NONE, flags | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (ret < 0)
		return ret;
	if (syscall(SYS_io_setup, ring_of(t, v->e)->nr_req, &id) < 0)
		return failed(t, v, "io_setup", "make it (see fs.aio-max-nr)");
	ring = (void *)(uintptr_t)id;
	if (ring->nr != room_of(length)) {
		errno = EINVAL;
		return failed(t, v, "io_setup", "make one of its size");
	}
	ret = fill_ring(t, v, ring);
	if (ret == 0 &&
	    mremap(ring, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, at) == MAP_FAILED)
		ret = failed(t, v, "mremap", "move its ring");
	v->prot = PROT_READ | PROT_WRITE;
	return ret;
}

const struct area_class aio_area = {
	.name = "AIO context",
	.match = match,
	.collect = collect,
	.claims = claims,
	.check = check,
	.place = place,
};

const struct state_class aio_state = {
	.name = "AIO contexts",
	.collect = collect_contexts,
	.absorb = absorb_contexts,
	.check = aio_polls_check,
	.emit = aio_polls_emit,
};
