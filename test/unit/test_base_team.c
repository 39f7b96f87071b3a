/* SPDX-License-Identifier: Apache-2.0 */
/* What a team promises: each part is done once, by a member, and the first failure is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/team.h"

#define PARTS 10000

struct work {
	_Atomic int done[PARTS];
	struct arena arenas[TEAM_MAX];
	char *made[PARTS];
	size_t size;
	size_t bad[2]; /* parts that fail with -(1 + their place) */
};

static int do_part(void *data, size_t who, size_t part)
{
	struct work *w = data;

	assert_true(who < w->size);
	atomic_fetch_add(&w->done[part], 1);
	w->made[part] = arena_printf(&w->arenas[who], "part %zu", part);
	for (int i = 0; i < 2; i++)
		if (part == w->bad[i])
			return -1 - i;
	return 0;
}

static void test_all(void **state)
{
	static const size_t sizes[] = { 1, 2, 5, TEAM_MAX };
	static struct work w;

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
		struct arena all = {};
		char text[32];

		memset(&w, 0, sizeof(w));
		w.size = sizes[s];
		w.bad[0] = w.bad[1] = PARTS;
		assert_int_equal(team_run(w.size, PARTS, do_part, &w), 0);
		for (size_t i = 0; i < TEAM_MAX; i++)
			arena_adopt(&all, &w.arenas[i]);
		for (size_t i = 0; i < PARTS; i++) {
			assert_int_equal(w.done[i], 1);
			snprintf(text, sizeof(text), "part %zu", i);
			assert_string_equal(w.made[i], text);
		}
		arena_free(&all);
	}
}

/* Both are near each other, so that in some rounds both are done. */
static void test_first_failure(void **state)
{
	static struct work w;

	(void)state;
	for (int round = 0; round < 200; round++) {
		memset(&w, 0, sizeof(w));
		w.size = 4;
		w.bad[0] = 100;
		w.bad[1] = 101 + round % 3;
		assert_int_equal(team_run(w.size, PARTS, do_part, &w), -1);
		for (size_t i = 0; i <= 100; i++)
			assert_int_equal(w.done[i], 1);
		for (size_t i = 0; i < TEAM_MAX; i++)
			arena_free(&w.arenas[i]);
	}
}

static void test_nothing(void **state)
{
	(void)state;
	assert_int_equal(team_run(3, 0, do_part, NULL), 0);
	assert_int_equal(team_size(0, 10), 1);
	assert_int_equal(team_size(19, 10), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_first_failure),
		cmocka_unit_test(test_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
