/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new ring is given requests that do nothing, as many as the old one has had; messages of another
 * ring, for completions that no request of its own was for; and requests that take buffers, as many
 * as the old one has given out: these read a byte each, to where nobody looks.
 */
#include "objects/uring/uring_drive.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define BATCH 64u /* requests: such that all that they touch stays in the cache */

/* --- counts ----------------------------------------------------------------------------------- */

static uint32_t *word(const struct drive *v, uint32_t off)
{
	return uring_word(&v->m, off);
}

static uint32_t head_of(const struct drive *v)
{
	return __atomic_load_n(word(v, v->m.p.sq_off.head), __ATOMIC_ACQUIRE);
}

static void prepare_nothing(const struct drive *v, uint8_t flags)
{
	const struct io_uring_params *p = &v->m.p;
	size_t size = uring_sqe_size(p);

	for (uint32_t i = 0; i < p->sq_entries; i++) {
		struct io_uring_sqe *sqe = (void *)(v->m.sqes + i * size);

		memset(sqe, 0, size);
		sqe->opcode = IORING_OP_NOP;
		sqe->fd = -1;
		sqe->flags = flags;
	}
	if (!(p->flags & URING_SETUP_NO_SQARRAY))
		memset(word(v, p->sq_off.array), 0, p->sq_entries * sizeof(uint32_t));
}

static int submit(const struct drive *v, uint32_t n)
{
	unsigned int flags = v->polled ? IORING_ENTER_SQ_WAKEUP : IORING_ENTER_GETEVENTS;
	uint32_t tail = head_of(v) + n;

	__atomic_store_n(word(v, v->m.p.sq_off.tail), tail, __ATOMIC_RELEASE);
	do {
		if (syscall(SYS_io_uring_enter, v->fd, n, 0, flags, NULL, 0) < 0 && errno != EINTR)
			return -errno;
		if (v->polled)
			sched_yield();
	} while (head_of(v) != tail);
	return 0;
}

/* What has come is taken. */
static void take_all(const struct drive *v)
{
	const struct io_uring_params *p = &v->m.p;

	__atomic_store_n(word(v, p->cq_off.head),
			 __atomic_load_n(word(v, p->cq_off.tail), __ATOMIC_ACQUIRE),
			 __ATOMIC_RELEASE);
}

/* Completions that no request of the ring's own was for: messages of another ring. */
static int send_messages(const struct drive *v, uint32_t n)
{
	struct io_uring_params p = { 0 };
	struct drive other = { .fd = syscall(SYS_io_uring_setup, BATCH, &p) };
	int ret = other.fd < 0 ? -errno : uring_map(other.fd, &p, &other.m);

	for (uint32_t i = 0; ret == 0 && i < BATCH; i++) {
		struct io_uring_sqe *sqe = (void *)(other.m.sqes + i * sizeof(*sqe));

		*sqe = (struct io_uring_sqe){ .opcode = IORING_OP_MSG_RING, .fd = v->fd };
		word(&other, p.sq_off.array)[i] = i;
	}
	while (ret == 0 && n) {
		uint32_t some = n < v->m.p.cq_entries ? n : v->m.p.cq_entries;

		some = some < BATCH ? some : BATCH;
		ret = submit(&other, some);
		if (ret == 0 && syscall(SYS_io_uring_enter, v->fd, 0, some, IORING_ENTER_GETEVENTS,
					NULL, 0) < 0)
			ret = -errno;
		take_all(&other);
		take_all(v);
		n -= some;
	}
	uring_unmap(&other.m);
	close_fd(&other.fd);
	return ret;
}

static int submit_all(const struct drive *v, uint32_t n, uint8_t flags)
{
	uint32_t most = v->m.p.sq_entries < BATCH ? v->m.p.sq_entries : BATCH;
	int ret = 0;

	prepare_nothing(v, flags);
	while (ret == 0 && n) {
		uint32_t some = n < most ? n : most;

		ret = submit(v, some);
		take_all(v);
		n -= some;
	}
	return ret;
}

/* A request that was no request (sq_dropped) had no completion, those that wait have none yet, and
 * some had many. */
int uring_drive(const struct drive *v, const CrtoolsUring *e)
{
	const unsigned char *rings = e->rings.data;
	size_t len = e->rings.len;
	const struct io_uring_params *p = &v->m.p;
	uint32_t sq_head = 0, cq_tail = 0;
	int ret;

	if (len > p->sq_off.head + sizeof(sq_head))
		memcpy(&sq_head, rings + p->sq_off.head, sizeof(sq_head));
	if (len > p->cq_off.tail + sizeof(cq_tail))
		memcpy(&cq_tail, rings + p->cq_off.tail, sizeof(cq_tail));
	sq_head -= e->n_request + head_of(v);
	cq_tail -= *word(v, p->cq_off.tail);
	if (sq_head - cq_tail <= INT32_MAX) {
		ret = submit_all(v, cq_tail, 0);
		return ret < 0 ? ret : submit_all(v, sq_head - cq_tail, IOSQE_CQE_SKIP_SUCCESS);
	}
	ret = submit_all(v, sq_head, 0);
	return ret < 0 ? ret : send_messages(v, cq_tail - sq_head);
}

/* Heads and tails are the old ones by now, but for requests that wait. The kernel's thread is not
 * to see these before they are there, and its head tells when it has taken them (uring_watch()): so
 * both stay, and what it says of itself. */
void uring_fill(const struct drive *v, const CrtoolsUring *e)
{
	uint32_t *flags = word(v, v->m.p.sq_off.flags), kept = *flags;
	uint32_t *tail = word(v, v->m.p.sq_off.tail), seen = *tail;
	uint32_t *head = word(v, v->m.p.sq_off.head), taken = *head;
	size_t len = e->rings.len < v->m.rings_len ? e->rings.len : v->m.rings_len;
	size_t behind = v->m.p.sq_off.tail + sizeof(*tail);

	memset(v->m.sqes, 0, v->m.sqes_len);
	memcpy(v->m.sqes, e->sqes.data, e->sqes.len < v->m.sqes_len ? e->sqes.len : v->m.sqes_len);
	if (!v->polled || len < behind) {
		memcpy(v->m.rings, e->rings.data, len);
	} else {
		memcpy(v->m.rings, e->rings.data, v->m.p.sq_off.tail);
		*head = taken;
		*tail = seen;
		memcpy(v->m.rings + behind, e->rings.data + behind, len - behind);
	}
	memset(v->m.rings + len, 0, v->m.rings_len - len);
	*flags = kept;
}

/* --- buffers to give out ------------------------------------------------------------------------ */

static struct io_uring_buf *memory_of(const struct restore_task *t, const CrtoolsUringGroup *g)
{
	uint64_t end = g->addr + g->entries * sizeof(struct io_uring_buf);

	for (size_t i = 0; i < t->n_vmas; i++) {
		const struct restore_vma *v = &t->vmas[i];

		if (v->e->start <= g->addr && end <= v->e->end && end > g->addr && v->placed)
			return (void *)(uintptr_t)(v->addr + (g->addr - v->e->start));
	}
	return NULL;
}

static int register_group(const struct drive *v, const CrtoolsUringGroup *g,
			  struct io_uring_buf *at)
{
	struct io_uring_buf_reg reg = { .ring_addr = (uintptr_t)at,
					.ring_entries = g->entries,
					.bgid = g->number };
	uint16_t flags = g->flags;

	memcpy((char *)&reg + URING_PBUF_FLAGS_AT, &flags, sizeof(flags));
	return syscall(SYS_io_uring_register, v->fd, IORING_REGISTER_PBUF_RING, &reg, 1) < 0
		       ? -errno
		       : 0;
}

static void prepare_read(const struct drive *v, int zero, uint32_t group)
{
	const struct io_uring_params *p = &v->m.p;
	size_t size = uring_sqe_size(p);

	for (uint32_t i = 0; i < p->sq_entries; i++) {
		struct io_uring_sqe *sqe = (void *)(v->m.sqes + i * size);

		memset(sqe, 0, size);
		sqe->opcode = IORING_OP_READ;
		sqe->fd = zero;
		sqe->len = 1;
		sqe->flags = IOSQE_BUFFER_SELECT;
		sqe->buf_group = group;
	}
	if (!(p->flags & URING_SETUP_NO_SQARRAY))
		memset(word(v, p->sq_off.array), 0, p->sq_entries * sizeof(uint32_t));
}

/* All that have come were done. */
static int check_results(const struct drive *v, uint32_t from, int want)
{
	const struct io_uring_params *p = &v->m.p;

	for (uint32_t at = from; at != *word(v, p->cq_off.tail); at++) {
		const struct io_uring_cqe *cqe =
			(const void *)(v->m.rings + p->cq_off.cqes +
				       (at & (p->cq_entries - 1)) * uring_cqe_size(p));

		if (cqe->res != want)
			return cqe->res < 0 ? cqe->res : -EIO;
	}
	return 0;
}

static int submit_and_check(const struct drive *v, uint32_t n, int want)
{
	uint32_t from = *word(v, v->m.p.cq_off.tail);
	int ret = submit(v, n);

	if (ret == 0 &&
	    syscall(SYS_io_uring_enter, v->fd, 0, n, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		ret = -errno;
	if (ret == 0)
		ret = check_results(v, from, want);
	take_all(v);
	return ret;
}

/* `n` of them, which count from `done` on. */
static int take_some(const struct drive *v, const CrtoolsUringGroup *g, struct io_uring_buf *at,
		     uint16_t done, uint32_t n)
{
	static char nowhere;

	for (uint32_t i = 0; i < n; i++) {
		struct io_uring_buf *buf = &at[(done + i) & (g->entries - 1)];

		buf->addr = (uintptr_t)&nowhere;
		buf->len = 1;
	}
	__atomic_store_n(&at->resv, (uint16_t)(done + n), __ATOMIC_RELEASE); /* the tail */
	return submit_and_check(v, n, 1);
}

static int take_buffers(const struct drive *v, const CrtoolsUringGroup *g, struct io_uring_buf *at)
{
	_cleanup_fd_ int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	uint32_t most = v->m.p.sq_entries < g->entries ? v->m.p.sq_entries : g->entries;
	int ret = zero < 0 ? -errno : 0;

	most = most < BATCH ? most : BATCH;
	prepare_read(v, zero, g->number);
	for (uint32_t done = 0; ret == 0 && done < g->head; done += most) {
		uint32_t rest = g->head - done;

		most = rest < most ? rest : most;
		ret = take_some(v, g, at, done, most);
	}
	return ret;
}

/* What lies there stays. */
static int take_beside(const struct drive *v, const CrtoolsUringGroup *g, struct io_uring_buf *at)
{
	size_t len = g->entries * sizeof(*at);
	void *old = malloc(len);
	int ret;

	if (!old)
		return -ENOMEM;
	memcpy(old, at, len);
	ret = take_buffers(v, g, at);
	memcpy(at, old, len);
	free(old);
	return ret;
}

static int give_out_mapped(const struct drive *v, const CrtoolsUringGroup *g)
{
	off_t off = URING_OFF_PBUF_RING | (off_t)g->number << URING_OFF_PBUF_SHIFT;
	int ret = register_group(v, g, NULL);
	void *at;

	if (ret < 0)
		return ret;
	at = mmap(NULL, g->data.len, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, off);
	if (at == MAP_FAILED)
		return -errno;
	memcpy(at, g->data.data, g->data.len);
	ret = take_beside(v, g, at);
	munmap(at, g->data.len);
	return ret;
}

int uring_give_out(struct restore_task *t, const struct drive *v, const CrtoolsUringGroup *g)
{
	struct io_uring_buf *at;
	int ret;

	if (g->has_data)
		return give_out_mapped(v, g);
	at = memory_of(t, g);
	ret = at ? register_group(v, g, at) : -EFAULT;
	return ret < 0 ? ret : take_beside(v, g, at);
}

/* One request at a time: these are few, as most lie one behind the other. */
int uring_provide(const struct drive *v, const CrtoolsUring *e)
{
	const struct io_uring_params *p = &v->m.p;
	int ret = 0;

	prepare_nothing(v, 0);
	for (size_t i = 0; ret == 0 && i < e->n_provided; i++) {
		const CrtoolsUringProvided *given = e->provided[i];
		uint32_t place =
			p->flags & URING_SETUP_NO_SQARRAY ? head_of(v) & (p->sq_entries - 1) : 0;
		struct io_uring_sqe *sqe = (void *)(v->m.sqes + place * uring_sqe_size(p));

		memset(sqe, 0, sizeof(*sqe));
		sqe->opcode = IORING_OP_PROVIDE_BUFFERS;
		sqe->fd = (int32_t)given->count;
		sqe->addr = given->addr;
		sqe->len = given->len;
		sqe->off = given->number;
		sqe->buf_group = given->group;
		ret = submit_and_check(v, 1, 0);
	}
	return ret;
}

static bool provided_fit(const CrtoolsUring *e)
{
	for (size_t i = 0; i < e->n_provided; i++) {
		const CrtoolsUringProvided *p = e->provided[i];

		if (!p->len || !p->count || p->group > UINT16_MAX || p->number > UINT16_MAX ||
		    p->count > UINT16_MAX + 1u - p->number)
			return false;
	}
	return true;
}

/* What makes sense. */
bool uring_groups_fit(const CrtoolsUring *e)
{
	if (!provided_fit(e))
		return false;
	for (size_t i = 0; i < e->n_group; i++) {
		const CrtoolsUringGroup *g = e->group[i];

		if (!g->entries || g->entries & (g->entries - 1) ||
		    g->entries > URING_GROUP_ENTRIES || g->head > UINT16_MAX ||
		    g->number > UINT16_MAX || g->flags & ~(URING_PBUF_MMAP | URING_PBUF_INC) ||
		    g->has_data != !!(g->flags & URING_PBUF_MMAP) ||
		    (g->has_data && g->data.len != g->entries * sizeof(struct io_uring_buf)))
			return false;
	}
	return true;
}
