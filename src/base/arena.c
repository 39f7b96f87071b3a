/* SPDX-License-Identifier: Apache-2.0 */
/* See arena.h. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/huge.h"

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	bool zeroed, shared;
	_Alignas(16) char data[];
};

#define BLOCK_SIZE  (64 * 1024)
#define SHARED_SIZE (1024 * 1024) /* few areas: a fork copies each */
/* Of a huge page fork(2) copies one entry, and neither it nor its readers fault at each 4 KiB. */
#define HUGE_ROOM (HUGE_PAGE - sizeof(struct arena_block))

static _Noreturn void out_of_memory(size_t size)
{
	fprintf(stderr, "crtools: out of memory (%zu bytes)\n", size);
	abort();
}

static struct arena_block *map_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static struct arena_block *add_block(struct arena *a, size_t size)
{
	bool shared = a->shared && a->blocks;
	size_t usual = shared ? SHARED_SIZE : BLOCK_SIZE;
	bool alone = size > usual / 4;
	size_t room = alone ? size : usual;
	struct arena_block *b = shared && !alone ? huge_page_map() : NULL;

	/* What is big may come from the kernel, zeroed. Of others only what is used is touched. */
	if (b)
		room = HUGE_ROOM;
	else if (shared)
		b = map_shared(sizeof(*b) + room);
	else
		b = alone ? calloc(1, sizeof(*b) + room) : malloc(sizeof(*b) + room);
	if (!b)
		out_of_memory(size);
	b->size = room;
	b->used = 0;
	b->zeroed = alone || shared;
	b->shared = shared;
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
	void *p;

	if (size > SIZE_MAX / 2)
		out_of_memory(size);
	size = (size + 15) & ~(size_t)15;
	if (!b || b->size - b->used < size)
		b = add_block(a, size);
	p = b->data + b->used;
	b->used += size;
	return b->zeroed ? p : memset(p, 0, size);
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
	char *s, text[256]; /* most fit, and are not formatted twice */
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < (int)sizeof(text))
		return arena_memdup(a, text, n + 1);
	s = arena_alloc(a, n + 1);
	va_start(ap, fmt);
	vsnprintf(s, n + 1, fmt, ap);
	va_end(ap);
	return s;
}

char *arena_numbered(struct arena *a, const char *before, uint32_t number, const char *after)
{
	size_t before_len = strlen(before), after_len = strlen(after);
	char digits[10], *first = digits + sizeof(digits), *s;

	do
		*--first = '0' + number % 10;
	while (number /= 10);
	s = arena_alloc(a, before_len + (digits + sizeof(digits) - first) + after_len + 1);
	memcpy(mempcpy(mempcpy(s, before, before_len), first, digits + sizeof(digits) - first),
	       after, after_len);
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

void arena_seal(struct arena *a)
{
	struct arena_block **at = &a->blocks, *b;

	while ((b = *at)) {
		if (!b->shared) {
			at = &b->next;
			continue;
		}
		*at = b->next;
		b->next = a->sealed;
		a->sealed = b;
		mprotect(b, sizeof(*b) + b->size, PROT_READ);
	}
	a->shared = false;
}

static void free_blocks(struct arena_block *b)
{
	struct arena_block *next;

	for (; b; b = next) {
		next = b->next;
		if (b->shared)
			munmap(b, sizeof(*b) + b->size);
		else
			free(b);
	}
}

void arena_adopt(struct arena *a, struct arena *other)
{
	struct arena_block **end = a->blocks ? &a->blocks->next : &a->blocks;

	/* The block that is being filled stays the first one. */
	while (*end)
		end = &(*end)->next;
	*end = other->blocks;
	other->blocks = NULL;
}

void arena_free(struct arena *a)
{
	free_blocks(a->blocks);
	free_blocks(a->sealed);
	a->blocks = a->sealed = NULL;
}
