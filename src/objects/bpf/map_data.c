/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The elements of a map, many with each call (BPF_MAP_LOOKUP_BATCH, Linux 5.6): the programs that
 * use it may add and remove some meanwhile, which a walk from key to key would not survive.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "objects/bpf/bpf.h"

#define BATCH_BYTES (UINT64_C(4) << 20)

struct batch {
	const struct bpf_map_info *info;
	int fd;
	uint64_t value_size;
	uint64_t room; /* elements that the buffers have room for */
	bool begun;
	unsigned char *place; /* where the next call goes on: as long as a key, or a number */
};

static int make_room(struct bpf_elements *e, struct batch *b, uint64_t more)
{
	uint64_t room = e->n + more;
	unsigned char *keys, *values;

	if (room <= b->room)
		return 0;
	if (room < 2 * b->room)
		room = 2 * b->room;
	keys = realloc(e->keys, room * b->info->key_size);
	if (keys)
		e->keys = keys;
	values = realloc(e->values, room * b->value_size);
	if (values)
		e->values = values;
	if (!keys || !values)
		return -ENOMEM;
	b->room = room;
	return 0;
}

/* 1: there is more. -ENOSPC: so few do not get on. */
static int read_some(struct batch *b, struct bpf_elements *e, uint32_t most)
{
	union bpf_attr attr = { .batch = { .map_fd = b->fd, .count = most } };
	int ret = make_room(e, b, most);

	if (ret < 0)
		return ret;
	attr.batch.in_batch = b->begun ? (uintptr_t)b->place : 0;
	attr.batch.out_batch = (uintptr_t)b->place;
	attr.batch.keys = (uintptr_t)(e->keys + e->n * b->info->key_size);
	attr.batch.values = (uintptr_t)(e->values + e->n * b->value_size);
	ret = bpf_call(BPF_MAP_LOOKUP_BATCH, &attr);
	if (ret < 0 && ret != -ENOENT)
		return ret;
	b->begun = true;
	e->n += attr.batch.count;
	return ret == 0;
}

int bpf_map_read(int fd, const struct bpf_map_info *info, struct bpf_elements *ret_e)
{
	_cleanup_free_ unsigned char *place = calloc(1, info->key_size + 8);
	struct batch b = { .info = info,
			   .fd = fd,
			   .value_size = bpf_value_size(info->type, info->value_size),
			   .place = place };
	uint64_t most = BATCH_BYTES / (info->key_size + b.value_size) + 1;
	int ret;

	*ret_e = (struct bpf_elements){ 0 };
	if (!place)
		return -ENOMEM;
	if (most > info->max_entries)
		most = info->max_entries;
	do {
		ret = read_some(&b, ret_e, most);
		if (ret == -ENOSPC && most < info->max_entries) {
			most = 2 * most < info->max_entries ? 2 * most : info->max_entries;
			ret = 1;
		}
	} while (ret > 0);
	return ret;
}

int bpf_map_fill(int fd, const void *keys, const void *values, uint32_t n)
{
	union bpf_attr attr = { .batch = { .map_fd = fd, .count = n } };

	if (!n)
		return 0;
	attr.batch.keys = (uintptr_t)keys;
	attr.batch.values = (uintptr_t)values;
	return bpf_call(BPF_MAP_UPDATE_BATCH, &attr);
}
