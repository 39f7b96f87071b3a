/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues and stacks of BPF with elements, which are read by nothing but taking them out: a queue
 * whose ring has gone round, one that is full, a stack. All come out in their order, and there is
 * room for as many more as before.
 *
 * wl: areas aio-uring-bpf
 * wl: needs root kernel:5.16
 * wl: crossing none CRIU 4.2 knows arrays and hashes only
 * wl: cycles 2
 */
#include "bpf.h"

enum { ROOM = 6 };

struct value {
	uint32_t number;
	char text[9]; /* of an odd length */
} __attribute__((packed));

static void push(int fd, uint32_t number)
{
	struct value v = { .number = number, .text = "element" };

	map_set(fd, NULL, &v);
}

static void pop(int fd, uint32_t want)
{
	struct value v = { 0 };
	union bpf_attr attr = { .map_fd = fd, .value = (uintptr_t)&v };

	bpf_try(BPF_MAP_LOOKUP_AND_DELETE_ELEM, &attr);
	wl_check_eq(v.number, want);
	wl_check_text("an element", v.text, "element");
}

static void check_full(int fd)
{
	struct value v = { 0 };
	union bpf_attr attr = { .map_fd = fd, .value = (uintptr_t)&v };

	wl_check(syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)) < 0 && errno == E2BIG);
}

static void check_empty(int fd)
{
	struct value v;

	wl_check_eq(map_get(fd, NULL, &v), ENOENT);
}

int main(void)
{
	int round = map_create(BPF_MAP_TYPE_QUEUE, 0, sizeof(struct value), ROOM, 0, "round");
	int full = map_create(BPF_MAP_TYPE_QUEUE, 0, sizeof(struct value), ROOM, 0, "full");
	int stack = map_create(BPF_MAP_TYPE_STACK, 0, sizeof(struct value), ROOM, 0, "stack");

	for (uint32_t i = 0; i < 9; i++) {
		push(round, i);
		if (i >= 4)
			pop(round, i - 4);
	}
	for (uint32_t i = 0; i < ROOM; i++)
		push(full, 100 + i);
	for (uint32_t i = 0; i < 3; i++)
		push(stack, 200 + i);
	wl_ready_and_wait();
	check_full(full);
	for (uint32_t i = 5; i < 9; i++)
		pop(round, i);
	for (uint32_t i = 0; i < ROOM; i++)
		pop(full, 100 + i);
	push(stack, 203);
	for (uint32_t i = 4; i-- > 0;)
		pop(stack, 200 + i);
	check_empty(round);
	check_empty(full);
	check_empty(stack);
	for (uint32_t i = 0; i < ROOM; i++)
		push(round, i);
	check_full(round);
	wl_pass();
}
