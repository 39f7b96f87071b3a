/* SPDX-License-Identifier: Apache-2.0 */
/* What talks to people and machines: sizes, JSON, near words, the report, action scripts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/human.h"
#include "base/json.h"
#include "base/log.h"
#include "base/nearest.h"
#include "model/pidfile.h"
#include "model/script.h"

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		int ret;
		uint64_t bytes;
	} cases[] = {
		{ "0", 0, 0 },
		{ "1K", 0, 1024 },
		{ "1k", 0, 1024 },
		{ "2 MiB", 0, 2 << 20 },
		{ "1GB", 0, 1 << 30 },
		{ " 7b", 0, 7 },
		{ "", -EINVAL, 0 },
		{ "K", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ "1iB", -EINVAL, 0 },
		{ "1KK", -EINVAL, 0 },
		{ "1.5M", -EINVAL, 0 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "17179869184G", -ERANGE, 0 },
		{ "17179869183G", 0, 17179869183ull << 30 },
	};
	char buf[HUMAN_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t bytes = 0;

		if (human_parse_size(cases[i].text, &bytes) != cases[i].ret ||
		    bytes != cases[i].bytes)
			fail_msg("\"%s\" gave %lu", cases[i].text, (unsigned long)bytes);
	}
	assert_string_equal(human_size(0, buf), "0 B");
	assert_string_equal(human_size(1023, buf), "1023 B");
	assert_string_equal(human_size(1024, buf), "1.0 KiB");
	assert_string_equal(human_size((1 << 20) - 1, buf), "1.0 MiB");
	assert_string_equal(human_size(150 << 20, buf), "150 MiB");
	assert_string_equal(human_size(UINT64_MAX, buf), "16384 PiB");
	assert_string_equal(human_time(999, buf), "999 us");
	assert_string_equal(human_time(4100, buf), "4.1 ms");
	assert_string_equal(human_time(61000000, buf), "61.0 s");
}

static void test_distance(void **state)
{
	struct nearest near = { .word = "restroe" };

	(void)state;
	assert_int_equal(nearest_distance("", ""), 0);
	assert_int_equal(nearest_distance("", "abc"), 3);
	assert_int_equal(nearest_distance("abc", "abc"), 0);
	assert_int_equal(nearest_distance("dump", "dmup"), 1);
	assert_int_equal(nearest_distance("kitten", "sitting"), 3);
	assert_null(nearest_result(&near));
	nearest_offer(&near, "dump");
	assert_null(nearest_result(&near));
	nearest_offer(&near, "restore");
	nearest_offer(&near, "service");
	assert_string_equal(nearest_result(&near), "restore");
}

static void write_json(struct json *j, FILE *out, unsigned int indent)
{
	json_begin(j, out, indent);
	json_object(j, NULL);
	json_string(j, "s", "a\"\\\n\x01\x7f/\xc3\xa9");
	/* A wrong byte, an overlong form, a surrogate, a sequence that is cut off. */
	json_string(j, "w", "\xff\xc0\xaf\xed\xa0\x80z\xe2\x82");
	json_int(j, "i", INT64_MIN);
	json_uint(j, "u", UINT64_MAX);
	json_bool(j, "b", true);
	json_null(j, "n");
	json_printf(j, "p", "%d%%", 5);
	json_array(j, "empty");
	json_array_end(j);
	json_array(j, "list");
	json_int(j, NULL, 1);
	json_object(j, NULL);
	json_object_end(j);
	json_array_end(j);
	json_object_end(j);
	assert_int_equal(json_end(j), 0);
}

#define BAD6 "\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd"

static void test_json(void **state)
{
	static const char one_line[] =
		"{\"s\": \"a\\\"\\\\\\n\\u0001\\u007f/\xc3\xa9\", \"w\": \"" BAD6
		"z\\ufffd\\ufffd\", "
		"\"i\": -9223372036854775808, \"u\": 18446744073709551615, \"b\": true, "
		"\"n\": null, \"p\": \"5%\", \"empty\": [], \"list\": [1, {}]}\n";
	static const char indented[] =
		"{\n  \"s\": \"a\\\"\\\\\\n\\u0001\\u007f/\xc3\xa9\",\n  \"w\": \"" BAD6
		"z\\ufffd\\ufffd\",\n  \"i\": -9223372036854775808,\n"
		"  \"u\": 18446744073709551615,\n  \"b\": true,\n  \"n\": null,\n  \"p\": \"5%\",\n"
		"  \"empty\": [],\n  \"list\": [\n    1,\n    {}\n  ]\n}\n";
	char *text = NULL;
	struct json j;
	size_t len;
	FILE *out;

	(void)state;
	out = open_memstream(&text, &len);
	write_json(&j, out, 0);
	assert_string_equal(text, one_line);
	fclose(out);
	free(text);
	out = open_memstream(&text, &len);
	write_json(&j, out, 2);
	assert_string_equal(text, indented);
	fclose(out);
	free(text);
	/* A stream that fails is told. */
	out = fopen("/dev/full", "w");
	assert_non_null(out);
	json_begin(&j, out, 0);
	json_int(&j, NULL, 1);
	assert_int_equal(json_end(&j), -ENOSPC);
	fclose(out);
}

static char dir[] = "/tmp/test-cli-text-XXXXXX";

static const char *in_dir(const char *name, char path[static 256])
{
	snprintf(path, 256, "%s/%s", dir, name);
	return path;
}

static void write_script(const char *name, const char *text)
{
	char path[256];
	FILE *f = fopen(in_dir(name, path), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, 0755), 0);
}

static void read_back(const char *name, char text[static 512])
{
	char path[256];
	FILE *f = fopen(in_dir(name, path), "r");

	assert_non_null(f);
	text[fread(text, 1, 511, f)] = '\0';
	fclose(f);
}

static void test_scripts(void **state)
{
	char path[256], text[512], wanted[512], line[600];
	int status = 0, fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err = { 0 };
	struct options o;

	(void)state;
	options_init(&o);
	setenv("CRTOOLS_INIT_PID", "1", 1); /* of an outer run: must not be seen */
	assert_int_equal(script_run(&o, SCRIPT_PRE_DUMP, fd, 0, &status, &err), 0);
	/* A path with a blank is a file all the same, one without #! is for the shell, and what is
	 * no file is a command line. */
	write_script("a script", "#!/bin/sh\necho \"$# $CRTOOLS_SCRIPT_ACTION "
				 "${CRTOOLS_INIT_PID-none} $(readlink $CRTOOLS_IMAGE_DIR)\" >> "
				 "\"$(dirname \"$0\")/out\"\n");
	write_script("plain", "echo plain >> \"$(dirname \"$0\")/out\"\n");
	str_list_add(&o.action_scripts, &o.arena, in_dir("a script", path));
	str_list_add(&o.action_scripts, &o.arena, in_dir("plain", path));
	snprintf(line, sizeof(line), "echo line >> %s", in_dir("out", path));
	str_list_add(&o.action_scripts, &o.arena, line);
	assert_int_equal(script_run(&o, SCRIPT_PRE_RESTORE, fd, 0, &status, &err), 0);
	assert_int_equal(script_run(&o, SCRIPT_POST_RESTORE, fd, 77, &status, &err), 0);
	read_back("out", text);
	snprintf(wanted, sizeof(wanted),
		 "0 pre-restore none %s\nplain\nline\n0 post-restore 77 %s\nplain\nline\n", dir,
		 dir);
	assert_string_equal(text, wanted);
	assert_int_equal(status, 0);

	/* All run, statuses are or-ed, the first failure is told. */
	o.action_scripts.n = 0;
	str_list_add(&o.action_scripts, &o.arena, "exit 4");
	str_list_add(&o.action_scripts, &o.arena, "exit 3");
	str_list_add(&o.action_scripts, &o.arena, line);
	log_init(2, LOG_ERROR);
	assert_int_equal(script_run(&o, SCRIPT_POST_DUMP, fd, 5, &status, &err), -ECANCELED);
	assert_int_equal(status, 7);
	assert_string_equal(err.text,
			    "action script exit 4 failed with status 4 at stage post-dump");
	read_back("out", text);
	assert_int_equal(strlen(text), strlen(wanted) + strlen("line\n"));

	o.action_scripts.n = 0;
	str_list_add(&o.action_scripts, &o.arena, "kill -9 $$");
	assert_int_equal(script_run(&o, SCRIPT_PRE_DUMP, fd, 5, &status, NULL), -ECANCELED);
	assert_int_equal(status, 128 + 9);
	options_free(&o);
	close(fd);
}

static void test_pidfile(void **state)
{
	char path[256], text[512];
	struct err err = { 0 };
	int fd;

	(void)state;
	assert_int_equal(pidfile_create(NULL, &fd, &err), 0);
	assert_int_equal(fd, -1);
	assert_int_equal(pidfile_write(fd, 5, &err), 0);
	assert_int_equal(pidfile_create(in_dir("pid", path), &fd, &err), 0);
	assert_int_equal(pidfile_write(fd, 12345, &err), 0);
	close(fd);
	read_back("pid", text);
	assert_string_equal(text, "12345");
	assert_int_equal(pidfile_create(path, &fd, &err), -EEXIST);
	pidfile_remove(path);
	assert_int_not_equal(access(path, F_OK), 0);
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	static const char *const names[] = { "a script", "plain", "out", "pid" };
	char path[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(in_dir(names[i], path));
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),	cmocka_unit_test(test_distance),
		cmocka_unit_test(test_json),	cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_pidfile),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
