/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that lives as long as its owner (a session): no single frees, one end. Running out of
 * memory ends the program with a message: what is allocated here is small.
 *
 * A shared arena is for what many forked tasks read: all of it but its first block is in huge
 * pages, of which fork(2) copies an entry each, or in shared memory, whose page tables it does not
 * copy. It is sealed before the fork: what it holds can't be changed any more, and what is
 * allocated afterwards is the task's own.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena {
	struct arena_block *blocks;
	struct arena_block *sealed; /* shared blocks, read only */
	bool shared;
};

/* Zeroed, aligned to 16 bytes; never NULL. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_memdup(struct arena *a, const void *data, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* before, number, after: for names of which there may be thousands. */
char *arena_numbered(struct arena *a, const char *before, uint32_t number, const char *after);
/* Once, of a shared arena. */
void arena_seal(struct arena *a);
void arena_free(struct arena *a);
/* What the other one holds lives on as a part of this one; the other one is empty. */
void arena_adopt(struct arena *a, struct arena *other);

#define arena_new(a, type)	((type *)arena_alloc((a), sizeof(type)))
#define arena_array(a, type, n) ((type *)arena_alloc((a), sizeof(type) * (n)))
/* A message with its defaults: arena_msg(a, CoreEntry, core_entry). */
#define arena_msg(a, type, prefix)                                                                 \
	({                                                                                         \
		type *msg_ = arena_new(a, type);                                                   \
		prefix##__init(msg_);                                                              \
		msg_;                                                                              \
	})

/* Appends to a repeated field: counter and array of a message or any struct, in arena
 * memory; grows by doubling. */
#define arena_push(a, array, n, value)                                                             \
	do {                                                                                       \
		(array) = arena_grow_((a), (array), (n), sizeof(*(array)));                        \
		(array)[(n)++] = (value);                                                          \
	} while (0)
void *arena_grow_(struct arena *a, void *array, size_t n, size_t size);

#endif
