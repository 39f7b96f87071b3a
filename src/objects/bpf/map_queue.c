/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The elements of a queue or stack (struct bpf_queue_stack of kernel/bpf/queue_stack_maps.c). To
 * read one by a call takes it out, so that a program which goes on, or a process outside, would
 * miss it. They are read where they are: a ring in the map's own memory, from the oldest one at its
 * tail to the newest before its head, for both kinds. In that order they are put in again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "objects/bpf/bpf.h"
#include "objects/inside.h"

#define TRIES 16 /* while others use it */

/* A map's file leads to its struct bpf_map, which is the first member. */
enum { HEAD, TAIL, SIZE, ELEMENTS, N_PLACES };
static const char *const places[N_PLACES] = {
	[HEAD] = "bpf_queue_stack.head",
	[TAIL] = "bpf_queue_stack.tail",
	[SIZE] = "bpf_queue_stack.size",
	[ELEMENTS] = "bpf_queue_stack.elements",
};

bool bpf_queue_is_readable(struct dump *d)
{
	return inside_offsets(d, places, N_PLACES) != NULL;
}

struct ends {
	uint32_t head, tail, size;
};

static int read_ends(struct kmem *k, const int *at, uint64_t map, struct ends *ret)
{
	int err = kmem_read(k, map + (uint64_t)at[HEAD], &ret->head, sizeof(ret->head));

	if (err == 0)
		err = kmem_read(k, map + (uint64_t)at[TAIL], &ret->tail, sizeof(ret->tail));
	if (err == 0)
		err = kmem_read(k, map + (uint64_t)at[SIZE], &ret->size, sizeof(ret->size));
	if (err == 0 && (ret->head >= ret->size || ret->tail >= ret->size))
		err = -EIO;
	return err;
}

/* Up to the ring's end, and from its beginning on. */
static int copy(struct kmem *k, uint64_t elements, const struct ends *e, uint32_t value_size,
		struct bpf_elements *ret)
{
	uint32_t n = (e->head + e->size - e->tail) % e->size;
	uint32_t first = n < e->size - e->tail ? n : e->size - e->tail;
	uint64_t len = (uint64_t)first * value_size;
	int err;

	free(ret->values);
	ret->n = n;
	ret->values = malloc((uint64_t)n * value_size + 1);
	if (!ret->values)
		return -ENOMEM;
	err = kmem_read(k, elements + (uint64_t)e->tail * value_size, ret->values, len);
	if (err == 0)
		err = kmem_read(k, elements, ret->values + len, (uint64_t)(n - first) * value_size);
	return err;
}

int bpf_queue_read(struct dump *d, int fd, const struct bpf_map_info *info,
		   struct bpf_elements *ret)
{
	const int *at = inside_offsets(d, places, N_PLACES);
	struct kmem *k = at ? &inside_kernel(d)->memory : NULL;
	uint64_t map = k ? kmem_private(k, fd) : 0;
	struct ends before, after;

	*ret = (struct bpf_elements){ 0 };
	for (int i = 0; map && i < TRIES; i++) {
		int err = read_ends(k, at, map, &before);

		if (err == 0)
			err = copy(k, map + (uint64_t)at[ELEMENTS], &before, info->value_size, ret);
		if (err == 0)
			err = read_ends(k, at, map, &after);
		if (err < 0 || !memcmp(&before, &after, sizeof(after)))
			return err;
	}
	return map ? -EBUSY : -EOPNOTSUPP;
}

int bpf_queue_fill(int fd, const unsigned char *values, uint32_t value_size, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		union bpf_attr attr = { .map_fd = fd,
					.value = (uintptr_t)(values + (uint64_t)i * value_size) };
		int ret = bpf_call(BPF_MAP_UPDATE_ELEM, &attr);

		if (ret < 0)
			return ret;
	}
	return 0;
}
