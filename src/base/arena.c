/* SPDX-License-Identifier: Apache-2.0 */
/* See arena.h. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	_Alignas(16) char data[];
};

#define BLOCK_SIZE (64 * 1024)

static _Noreturn void out_of_memory(size_t size)
{
	fprintf(stderr, "crtools: out of memory (%zu bytes)\n", size);
	abort();
}

static struct arena_block *add_block(struct arena *a, size_t size)
{
	bool alone = size > BLOCK_SIZE / 4;
	size_t room = alone ? size : BLOCK_SIZE;
	/* What is big may come from the kernel, zeroed. Of others only what is used is touched. */
	struct arena_block *b = alone ? calloc(1, sizeof(*b) + room) : malloc(sizeof(*b) + room);

	if (!b)
		out_of_memory(size);
	b->size = room;
	b->used = 0;
	if (a->blocks && alone) { /* keep filling the present block */
		b->next = a->blocks->next;
		a->blocks->next = b;
	} else {
		b->next = a->blocks;
		a->blocks = b;
	}
	return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *b = a->blocks;
	bool fits;
	void *p;

	if (size > SIZE_MAX / 2)
		out_of_memory(size);
	size = (size + 15) & ~(size_t)15;
	fits = b && b->size - b->used >= size;
	if (!fits)
		b = add_block(a, size);
	p = b->data + b->used;
	b->used += size;
	return size > BLOCK_SIZE / 4 && !fits ? p : memset(p, 0, size);
}

void *arena_memdup(struct arena *a, const void *data, size_t size)
{
	void *p = arena_alloc(a, size);

	if (size)
		memcpy(p, data, size);
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_memdup(a, s, strlen(s) + 1);
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	s = arena_alloc(a, n + 1);
	va_start(ap, fmt);
	vsnprintf(s, n + 1, fmt, ap);
	va_end(ap);
	return s;
}

void *arena_grow_(struct arena *a, void *array, size_t n, size_t size)
{
	void *grown;

	/* Full at 0, 4, 8, 16, ...: the capacity follows from the count alone. */
	if (n && (n < 4 || (n & (n - 1))))
		return array;
	grown = arena_alloc(a, (n ? n * 2 : 4) * size);
	if (n)
		memcpy(grown, array, n * size);
	return grown;
}

void arena_free(struct arena *a)
{
	struct arena_block *b, *next;

	for (b = a->blocks; b; b = next) {
		next = b->next;
		free(b);
	}
	a->blocks = NULL;
}
