/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups of buffers that a ring gives out: one in memory of the program's, one that the kernel
 * allocated, each with some given out and more that wait. A request that receives again and again
 * takes them, before and afterwards, one after the other; the kernel's count of them goes on, and
 * what lies in the ring is as it was.
 *
 *	wl: areas    aio-uring-bpf
 *	wl: libs     -luring
 *	wl: needs    io_uring kernel:6.14
 *	wl: crossing none CRIU knows no io_uring
 *	wl: cycles   2
 */
#define _GNU_SOURCE
#include "ring.h"

#include <sys/socket.h>
#include <sys/syscall.h>

#define ENTRIES 8
#define SIZE	64
#define MMAPPED 3 /* their numbers */
#define OWN	7

struct group {
	unsigned int number;
	struct io_uring_buf_ring *ring;
	char buffers[ENTRIES][SIZE];
	int pair[2];
	unsigned int next; /* to be given out */
};

static struct group groups[2] = { { .number = OWN }, { .number = MMAPPED } };

/* The kernel's count. */
static unsigned int head_of(struct io_uring *ring, unsigned int group)
{
	struct {
		uint32_t group, head, resv[8];
	} status = { .group = group };

	wl_try(syscall(SYS_io_uring_register, ring->ring_fd, 26, &status, 1));
	return status.head;
}

static void put(struct group *g, unsigned int n)
{
	io_uring_buf_ring_add(g->ring, g->buffers[n % ENTRIES], SIZE, n % ENTRIES,
			      io_uring_buf_ring_mask(ENTRIES), 0);
	io_uring_buf_ring_advance(g->ring, 1);
}

static void set_up(struct io_uring *ring, struct group *g)
{
	struct io_uring_buf_reg reg = { .ring_entries = ENTRIES, .bgid = g->number };
	struct io_uring_sqe *sqe;

	if (g->number == OWN) {
		g->ring = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0);
		reg.ring_addr = (uintptr_t)g->ring;
	} else {
		((uint16_t *)&reg)[7] = 1; /* IOU_PBUF_RING_MMAP */
	}
	wl_try(syscall(SYS_io_uring_register, ring->ring_fd, IORING_REGISTER_PBUF_RING, &reg, 1));
	if (g->number == MMAPPED)
		g->ring = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring->ring_fd,
			       0x80000000 | MMAPPED << 16);
	wl_check(g->ring != MAP_FAILED);
	io_uring_buf_ring_init(g->ring);
	for (unsigned int i = 0; i < ENTRIES; i++)
		put(g, i);
	wl_try(socketpair(AF_UNIX, SOCK_STREAM, 0, g->pair));
	sqe = io_uring_get_sqe(ring);
	io_uring_prep_recv_multishot(sqe, g->pair[0], NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = g->number;
	sqe->user_data = g->number;
	RING_TRY(io_uring_submit(ring));
}

static void receive(struct io_uring *ring, struct group *g, const char *text)
{
	struct io_uring_cqe *cqe;
	unsigned int buffer = g->next % ENTRIES;

	wl_check_eq(wl_try(send(g->pair[1], text, strlen(text), 0)), strlen(text));
	RING_TRY(io_uring_wait_cqe(ring, &cqe));
	wl_check_eq(cqe->user_data, g->number);
	wl_check_eq(cqe->res, strlen(text));
	wl_check(cqe->flags & IORING_CQE_F_MORE);
	wl_check_eq(cqe->flags >> IORING_CQE_BUFFER_SHIFT, buffer);
	wl_check(!memcmp(g->buffers[buffer], text, strlen(text)));
	io_uring_cqe_seen(ring, cqe);
	put(g, g->next++);
	wl_check_eq(head_of(ring, g->number), g->next);
}

int main(void)
{
	char before[2][ENTRIES * sizeof(struct io_uring_buf)];
	struct io_uring ring;

	ring_new(&ring, 16, 0);
	ring_drive(&ring, 50); /* more requests than buffers are given out */
	for (int i = 0; i < 2; i++)
		set_up(&ring, &groups[i]);
	for (int i = 0; i < 11; i++)
		receive(&ring, &groups[0], wl_format("before %d", i));
	for (int i = 0; i < 3; i++)
		receive(&ring, &groups[1], wl_format("before %d", i));
	for (int i = 0; i < 2; i++)
		memcpy(before[i], groups[i].ring, sizeof(before[i]));
	wl_ready_and_wait();
	for (int i = 0; i < 2; i++) {
		wl_check(!memcmp(before[i], groups[i].ring, sizeof(before[i])));
		wl_check_eq(head_of(&ring, groups[i].number), groups[i].next);
	}
	for (int i = 0; i < 20; i++)
		receive(&ring, &groups[i % 2], wl_format("afterwards %d", i));
	wl_pass();
}
