/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts of Linux' asynchronous I/O: one whose ring has gone round, one with events that nobody
 * has fetched, one that was never used and has room for one event, and a large one. Their ids,
 * heads, tails and events are the same, and all go on: one more request makes one more event.
 *
 *	wl: areas    aio-uring-bpf
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "workload.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct ring {
	unsigned int id, nr, head, tail, magic, compat, incompat, header_length;
	struct io_event events[];
};

static int null;

static aio_context_t new_context(unsigned int room)
{
	aio_context_t id = 0;

	wl_try(syscall(SYS_io_setup, room, &id));
	return id;
}

static struct ring *ring_of(aio_context_t id)
{
	return (struct ring *)(uintptr_t)id;
}

static void submit(aio_context_t id, uint64_t data)
{
	struct iocb cb = { .aio_data = data,
			   .aio_lio_opcode = IOCB_CMD_PREAD,
			   .aio_fildes = null,
			   .aio_nbytes = 0 };
	struct iocb *list[] = { &cb };

	wl_check_eq(wl_try(syscall(SYS_io_submit, id, 1, list)), 1);
}

static long fetch(aio_context_t id, long most, struct io_event *ret)
{
	struct timespec none = { 0 };

	return wl_try(syscall(SYS_io_getevents, id, 0, most, ret, &none));
}

static void fetch_one(aio_context_t id, uint64_t data)
{
	struct io_event e;

	wl_check_eq(fetch(id, 1, &e), 1);
	wl_check_eq(e.data, data);
	wl_check_eq(e.res, 0);
}

/* Every second one is fetched until there is room for no more, then all. */
static void drive_round(aio_context_t id)
{
	unsigned int n = ring_of(id)->nr + 2;
	uint64_t next = 0;

	for (uint64_t i = 0; i < n; i++) {
		submit(id, i);
		if (i % 2)
			fetch_one(id, next++);
	}
}

struct state {
	struct ring header;
	struct io_event events[64];
};

static void save(aio_context_t id, struct state *ret)
{
	memcpy(ret, ring_of(id), sizeof(*ret));
}

static void check(aio_context_t id, const struct state *want)
{
	const struct ring *r = ring_of(id);

	wl_check_eq(r->nr, want->header.nr);
	wl_check_eq(r->head, want->header.head);
	wl_check_eq(r->tail, want->header.tail);
	wl_check(!memcmp(r->events, want->events, sizeof(want->events)));
}

static void check_goes_on(aio_context_t id)
{
	struct ring before = *ring_of(id);

	submit(id, 4711);
	wl_check_eq(ring_of(id)->tail, (before.tail + 1) % before.nr);
	wl_check_eq(ring_of(id)->head, before.head);
	wl_check_eq(ring_of(id)->nr, before.nr);
}

enum { ROUND, UNREAD, UNUSED, LARGE, CONTEXTS };

int main(void)
{
	static const unsigned int room[CONTEXTS] = { 64, 64, 1, 4000 };
	static struct io_event got[8];
	static struct state saved[CONTEXTS];
	aio_context_t ids[CONTEXTS], gone = new_context(10);

	null = wl_try(open("/dev/null", O_RDWR));
	for (int i = 0; i < CONTEXTS; i++)
		ids[i] = new_context(room[i]);
	wl_try(syscall(SYS_io_destroy, gone)); /* the others keep their numbers */
	drive_round(ids[ROUND]);
	for (uint64_t i = 0; i < 5; i++)
		submit(ids[UNREAD], 100 + i);
	fetch_one(ids[UNREAD], 100);
	for (uint64_t i = 0; i < 3000; i++) {
		submit(ids[LARGE], i);
		fetch_one(ids[LARGE], i);
	}
	for (int i = 0; i < CONTEXTS; i++)
		save(ids[i], &saved[i]);
	wl_ready_and_wait();
	for (int i = 0; i < CONTEXTS; i++)
		check(ids[i], &saved[i]);
	wl_check_eq(fetch(ids[UNUSED], 1, got), 0);
	for (int i = 0; i < CONTEXTS; i++)
		check_goes_on(ids[i]);
	wl_check_eq(fetch(ids[UNREAD], 8, got), 5);
	for (int i = 0; i < 4; i++)
		wl_check_eq(got[i].data, 101 + i);
	wl_check_eq(got[4].data, 4711);
	wl_check_eq(fetch(ids[UNREAD], 8, got), 0);
	for (int i = 0; i < CONTEXTS; i++)
		wl_try(syscall(SYS_io_destroy, ids[i]));
	wl_pass();
}
