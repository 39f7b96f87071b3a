/* SPDX-License-Identifier: Apache-2.0 */
/* What an arena promises: zeroes, alignment, arrays that grow, and a seal that children share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/huge.h"

#define MIB ((size_t)1 << 20)

static bool all_zero(const char *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* Sizes around the block's, in both kinds of arena. */
static void fill(struct arena *a)
{
	static const size_t sizes[] = { 1,	   16,	4000,	16 * 1024, 16 * 1024 + 1,
					64 * 1024, MIB, 3 * MIB };

	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			char *p = arena_alloc(a, sizes[i]);

			assert_int_equal((uintptr_t)p % 16, 0);
			assert_true(all_zero(p, sizes[i]));
			memset(p, 0xff, sizes[i]);
		}
	}
}

static void test_zeroes(void **state)
{
	struct arena own = {}, shared = { .shared = true };

	(void)state;
	fill(&own);
	fill(&shared);
	arena_free(&own);
	arena_free(&shared);
}

static void test_push(void **state)
{
	struct arena a = {};
	size_t n = 0;
	int *all = NULL;

	(void)state;
	for (int i = 0; i < 1000; i++)
		arena_push(&a, all, n, i);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(all[i], i);
	arena_free(&a);
}

static void test_text(void **state)
{
	struct arena a = {};
	char *s = arena_printf(&a, "%0*d", 5000, 7); /* more than is formatted at first */

	(void)state;
	assert_int_equal(strlen(s), 5000);
	assert_string_equal(s + 4990, "0000000007");
	for (int i = 250; i < 260; i++)
		assert_int_equal(strlen(arena_printf(&a, "%0*d", i, 1)), i);
	assert_string_equal(arena_numbered(&a, "pipe:[", 0, "]"), "pipe:[0]");
	assert_string_equal(arena_numbered(&a, "", UINT32_MAX, ""), "4294967295");
	arena_free(&a);
}

/* How a child ends that writes a byte. */
static int status_of_write(volatile char *p)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		*p = 1;
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void test_seal(void **state)
{
	struct arena a = { .shared = true };
	char *first = arena_alloc(&a, 64 * 1024), *kept = arena_strdup(&a, "kept");
	char *large = arena_alloc(&a, 2 * MIB), *later;

	(void)state;
	(void)first;
	assert_int_equal(status_of_write(large), 0);
	assert_int_equal(*large, 1); /* one memory for all */
	arena_seal(&a);
	assert_true(WIFSIGNALED(status_of_write(kept)));
	assert_true(WIFSIGNALED(status_of_write(large)));
	assert_string_equal(kept, "kept");

	later = arena_alloc(&a, 2 * MIB);
	assert_int_equal(status_of_write(later), 0);
	assert_int_equal(*later, 0); /* each its own */
	arena_free(&a);
}

static void test_huge_page(void **state)
{
	char *p = huge_page_map(), *q;

	(void)state;
	if (!p) {
		assert_int_equal(huge_pages(), HUGE_NEVER);
		return;
	}
	q = huge_page_map();
	assert_int_equal((uintptr_t)p % HUGE_PAGE, 0);
	assert_int_equal((uintptr_t)q % HUGE_PAGE, 0);
	assert_ptr_not_equal(p, q);
	assert_true(all_zero(p, HUGE_PAGE));
	memset(p, 0xff, HUGE_PAGE);
	assert_true(all_zero(q, HUGE_PAGE));
	assert_int_equal(munmap(p, HUGE_PAGE), 0);
	assert_int_equal(munmap(q, HUGE_PAGE), 0);
}

/* Room for so many keys is neither less than they need, nor takes what is there away. */
static void test_hash_reserve(void **state)
{
	static const size_t counts[] = { 0, 1, 48, 49, 96, 97, 1000, 5000 };

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		struct hash h = {};
		size_t size;

		hash_reserve(&h, counts[i]);
		size = h.size;
		for (size_t k = 0; k < counts[i]; k++)
			hash_put(&h, k, &h);
		assert_int_equal(h.size, size);
		hash_put(&h, UINT64_MAX, &h.used);
		hash_reserve(&h, 2 * counts[i] + 100);
		for (size_t k = 0; k < counts[i]; k++)
			assert_ptr_equal(hash_get(&h, k), &h);
		assert_ptr_equal(hash_get(&h, UINT64_MAX), &h.used);
		assert_null(hash_get(&h, counts[i]));
		hash_free(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zeroes),	  cmocka_unit_test(test_push),
		cmocka_unit_test(test_text),	  cmocka_unit_test(test_seal),
		cmocka_unit_test(test_huge_page), cmocka_unit_test(test_hash_reserve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
