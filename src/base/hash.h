/* SPDX-License-Identifier: Apache-2.0 */
/* A map from 64-bit keys to pointers; open addressing, never shrinks, no removal of keys. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash {
	struct hash_slot *slots;
	size_t size, used; /* size is 0 or a power of two */
};

void *hash_get(const struct hash *h, uint64_t key);
/* Sets or replaces; value must not be NULL. Running out of memory ends the program. */
void hash_put(struct hash *h, uint64_t key, void *value);
/* So many keys there will be, for which it need not grow any more. */
void hash_reserve(struct hash *h, size_t n);
void hash_free(struct hash *h);
/* Mixes two words into one key, for keys such as (device, inode). */
uint64_t hash_mix(uint64_t a, uint64_t b);

#endif
