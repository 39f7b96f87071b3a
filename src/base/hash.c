/* SPDX-License-Identifier: Apache-2.0 */
/* See hash.h. */
#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>

struct hash_slot {
	uint64_t key;
	void *value; /* NULL: empty */
};

uint64_t hash_mix(uint64_t a, uint64_t b)
{
	uint64_t x = a * 0x9e3779b97f4a7c15u ^ (b + 0x632be59bd9b4e019u + (a << 6) + (a >> 2));

	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93u;
	x ^= x >> 32;
	return x;
}

static struct hash_slot *find(struct hash_slot *slots, size_t size, uint64_t key)
{
	size_t i = hash_mix(key, 0) & (size - 1);

	while (slots[i].value && slots[i].key != key)
		i = (i + 1) & (size - 1);
	return &slots[i];
}

void *hash_get(const struct hash *h, uint64_t key)
{
	return h->size ? find(h->slots, h->size, key)->value : NULL;
}

static void resize(struct hash *h, size_t size)
{
	struct hash_slot *slots = calloc(size, sizeof(*slots));

	if (!slots) {
		fprintf(stderr, "crtools: out of memory (a table of %zu)\n", size);
		abort();
	}
	for (size_t i = 0; i < h->size; i++)
		if (h->slots[i].value)
			*find(slots, size, h->slots[i].key) = h->slots[i];
	free(h->slots);
	h->slots = slots;
	h->size = size;
}

void hash_reserve(struct hash *h, size_t n)
{
	size_t size = 64;

	while (size * 3 < n * 4)
		size *= 2;
	if (n && size > h->size)
		resize(h, size);
}

void hash_put(struct hash *h, uint64_t key, void *value)
{
	struct hash_slot *slot;

	if (h->used * 4 >= h->size * 3)
		resize(h, h->size ? h->size * 2 : 64);
	slot = find(h->slots, h->size, key);
	if (!slot->value)
		h->used++;
	*slot = (struct hash_slot){ key, value };
}

void hash_free(struct hash *h)
{
	free(h->slots);
	*h = (struct hash){ 0 };
}
