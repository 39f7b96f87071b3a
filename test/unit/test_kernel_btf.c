/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's description of its own types: places that can be told without it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* behind these */
#include <cmocka.h>

#include <errno.h>

#include "kernel/btf.h"

static struct btf *types;

static int open_types(void **state)
{
	(void)state;
	return btf_open(&types) == -ENOENT ? 0 : !types;
}

static int close_types(void **state)
{
	(void)state;
	btf_close(types);
	return 0;
}

static void members(void **state)
{
	(void)state;
	if (!types)
		skip(); /* the kernel has none */
	assert_int_equal(btf_offset(types, "list_head.next"), 0);
	assert_int_equal(btf_offset(types, "list_head.prev"), sizeof(void *));
	/* In a union or structure without a name. */
	assert_int_equal(btf_offset(types, "sk_buff_head.next"), 0);
	assert_int_equal(btf_offset(types, "sk_buff_head.qlen"), 2 * sizeof(void *));
	assert_true(btf_offset(types, "sk_buff.len") > 0);
	assert_int_equal(btf_size(types, "list_head"), 2 * sizeof(void *));
}

static void constants(void **state)
{
	(void)state;
	if (!types)
		skip();
	assert_int_equal(btf_enumerator(types, "PIDTYPE_PID"), 0);
	assert_int_equal(btf_enumerator(types, "PIDTYPE_TGID"), 1);
	assert_int_equal(btf_enumerator(types, "NO_SUCH_CONSTANT"), -ENOENT);
}

static void missing(void **state)
{
	(void)state;
	if (!types)
		skip();
	assert_int_equal(btf_offset(types, "list_head.nothing"), -ENOENT);
	assert_int_equal(btf_offset(types, "no_such_structure.next"), -ENOENT);
	assert_int_equal(btf_offset(types, "list_head"), -ENOENT);
	assert_int_equal(btf_size(types, "no_such_structure"), -ENOENT);
}

/* Read in pieces, as before Linux 6.16: early ones, late ones, one after another. */
static void same_in_pieces(void **state)
{
	static const char *const paths[] = {
		"task_struct.nsproxy", "task_struct.seccomp",	"upid.nr",
		"unix_sock.peer",      "inotify_inode_mark.wd", "list_head.prev"
	};
	struct btf *pieces = NULL;

	(void)state;
	if (!types)
		skip();
	assert_int_equal(btf_open_read(&pieces), 0);
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_int_equal(btf_offset(pieces, paths[i]), btf_offset(types, paths[i]));
	assert_int_equal(btf_size(pieces, "task_struct"), btf_size(types, "task_struct"));
	assert_true(btf_function(pieces, "schedule") > 0);
	assert_int_equal(btf_function(pieces, "schedule"), btf_function(types, "schedule"));
	assert_int_equal(btf_enumerator(pieces, "PIDTYPE_SID"), 3);
	assert_int_equal(btf_offset(pieces, "no_such_structure.next"), -ENOENT);
	btf_close(pieces);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members),
		cmocka_unit_test(constants),
		cmocka_unit_test(missing),
		cmocka_unit_test(same_in_pieces),
	};

	return cmocka_run_group_tests(tests, open_types, close_types);
}
