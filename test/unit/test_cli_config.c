/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration files: quoting, comments, errors with their line, order and precedence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "front/cli/parse.h"

/* One line each: the option it names and the value, or the error's text. */
static const struct {
	const char *line, *name, *value, *error;
} lines[] = {
	{ "", NULL, NULL, NULL },
	{ "   \t ", NULL, NULL, NULL },
	{ "# tcp-close", NULL, NULL, NULL },
	{ "   # tcp-close", NULL, NULL, NULL },
	{ "tcp-close", "tcp-close", NULL, NULL },
	{ " \ttcp-close \t", "tcp-close", NULL, NULL },
	{ "tcp-close # why", "tcp-close", NULL, NULL },
	{ "tcp-close#why", "tcp-close", NULL, NULL },
	{ "no-tcp-close", "tcp-close", NULL, NULL },
	{ "tcp-clo", "tcp-close", NULL, NULL },
	{ "log-file dump.log", "log-file", "dump.log", NULL },
	{ "log-file\t \tdump.log", "log-file", "dump.log", NULL },
	{ "log-file=dump.log", "log-file", "dump.log", NULL },
	{ "log-file dump.log  # where", "log-file", "dump.log", NULL },
	{ "log-file dump#log", "log-file", "dump", NULL },
	{ "log-file \"dump.log\"", "log-file", "dump.log", NULL },
	{ "log-file \"a b # c\"", "log-file", "a b # c", NULL },
	{ "log-file \"a b\" # c", "log-file", "a b", NULL },
	{ "log-file \"say \\\"hi\\\"\"", "log-file", "say \"hi\"", NULL },
	{ "log-file \"back\\slash\"", "log-file", "back\\slash", NULL },
	{ "log-file \"\"", "log-file", "", NULL },
	{ "verbosity 4", "verbosity", "4", NULL },
	{ "verbosity=4", "verbosity", "4", NULL },
	{ "verbosity", "verbosity", NULL, NULL },
	{ "log-file", NULL, NULL, "f:1: log-file needs a value: FILE" },
	{ "log-file # x", NULL, NULL, "f:1: log-file needs a value" },
	{ "log-file \"", NULL, NULL, "f:1: the closing quote is missing" },
	{ "log-file \"abc", NULL, NULL, "f:1: the closing quote is missing" },
	{ "log-file \"abc\\\"", NULL, NULL, "f:1: the closing quote is missing" },
	{ "log-file \"abc\"d", NULL, NULL, "f:1: text behind the closing quote" },
	{ "log-file \"abc\" d", NULL, NULL, "f:1: text behind the closing quote" },
	{ "log-file \"a\" \"b\"", NULL, NULL, "f:1: text behind the closing quote" },
	{ "log-file abc\"", NULL, NULL, "f:1: a quote inside a value" },
	{ "log-file a b", NULL, NULL, "f:1: more than one value" },
	{ "tcp-close yes", NULL, NULL, "f:1: tcp-close takes no value" },
	{ "--tcp-close", NULL, NULL, "f:1: names are written without --" },
	{ "tcp-cloze", NULL, NULL,
	  "f:1: unknown option --tcp-cloze; the nearest one is --tcp-close" },
	{ "leave", NULL, NULL, "f:1: --leave is ambiguous" },
	{ "=x", NULL, NULL, "f:1: unknown option" },
};

static void test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct settings list = { 0 };
		struct err err = { 0 };
		char text[128];
		struct options o;
		int ret;

		options_init(&o);
		snprintf(text, sizeof(text), "%s", lines[i].line);
		ret = config_parse(&o, "f", text, &list, &err);
		if (!ret != !lines[i].error)
			fail_msg("<%s>: %d, %s", lines[i].line, ret, err.text);
		if (lines[i].error && !strstr(err.text, lines[i].error))
			fail_msg("<%s>: \"%s\" lacks \"%s\"", lines[i].line, err.text,
				 lines[i].error);
		if (!ret)
			assert_int_equal(list.n, lines[i].name ? 1 : 0);
		if (!ret && list.n) {
			assert_string_equal(list.items[0].opt->name, lines[i].name);
			if (!list.items[0].value != !lines[i].value)
				fail_msg("<%s>: a value?", lines[i].line);
			if (lines[i].value)
				assert_string_equal(list.items[0].value, lines[i].value);
		}
		options_free(&o);
	}
}

static void test_line_numbers(void **state)
{
	char text[] = "tcp-close\n\n# x\nlog-file \"\n";
	struct settings list = { 0 };
	struct err err = { 0 };
	struct options o;

	(void)state;
	options_init(&o);
	assert_int_not_equal(config_parse(&o, "/etc/x", text, &list, &err), 0);
	assert_non_null(strstr(err.text, "/etc/x:4:"));
	options_free(&o);
}

static char dir[] = "/tmp/test-cli-config-XXXXXX";

static void write_file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* HOME's files, CRIU_CONFIG_FILE and a command line: what the options are in the end. */
static int load(struct options *o, struct err *err, size_t n_notes, char *argv[])
{
	struct settings cl = { 0 }, files = { 0 };
	struct str_list notes = { 0 };
	int argc = 0, ret;

	while (argv[argc])
		argc++;
	options_init(o);
	ret = parse_argv(argc, argv, o, &cl, err);
	if (!ret)
		ret = config_read_all(o, &cl, &files, &notes, err);
	if (!ret)
		ret = settings_apply(o, &files, &notes, err);
	assert_int_equal(notes.n, n_notes);
	return ret ? ret : settings_apply(o, &cl, &notes, err);
}

#define LOAD(o, err, ...)                                                                          \
	load(o, err, 0, (char *[]){ "crtools", "dump", "-t", "5", __VA_ARGS__, NULL })

static void test_order(void **state)
{
	char path[256], other[256];
	struct err err = { 0 };
	struct options o;

	(void)state;
	snprintf(path, sizeof(path), "%s/env.conf", dir);
	snprintf(other, sizeof(other), "%s/other.conf", dir);
	write_file(".criu/default.conf", "timeout 1\nghost-limit 1K\nskip-mnt a\nlink-remap\n"
					 "inherit-fd fd[3]:x\nmanage-cgroups ignore\n");
	write_file(".crtools/default.conf", "timeout 2\nskip-mnt b\nplan\n");
	write_file("env.conf", "ghost-limit 3K\nskip-mnt c\n");
	write_file("other.conf", "timeout 7\n");
	setenv("CRIU_CONFIG_FILE", path, 1);

	assert_int_equal(LOAD(&o, &err, "--skip-mnt", "d"), 0);
	assert_int_equal(o.timeout, 2);
	assert_int_equal(o.ghost_limit, 3072);
	assert_int_equal(o.skip_mnt.n, 4);
	assert_string_equal(o.skip_mnt.items[0], "a");
	assert_string_equal(o.skip_mnt.items[3], "d");
	assert_true(o.link_remap);
	assert_true(o.plan);
	assert_int_equal(o.manage_cgroups, CGROUPS_IGNORE);
	options_free(&o);

	assert_int_equal(LOAD(&o, &err, "--no-link-remap", "--timeout=9"), 0);
	assert_false(o.link_remap);
	assert_int_equal(o.timeout, 9);
	options_free(&o);

	assert_int_equal(LOAD(&o, &err, "--config", other), 0);
	assert_int_equal(o.timeout, 7);
	assert_int_equal(o.ghost_limit, 3072);
	assert_false(o.link_remap);
	options_free(&o);

	assert_int_equal(LOAD(&o, &err, "--no-default-config"), 0);
	assert_int_equal(o.timeout, TIMEOUT_DEFAULT);
	assert_int_equal(o.ghost_limit, 3072);
	options_free(&o);

	/* It is skipped and noted, and so are those that it stands for, without a note. */
	assert_int_equal(load(&o, &err, 1,
			      (char *[]){ "crtools", "dump", "-t", "5", "--config",
					  "/nonexistent/x", NULL }),
			 0);
	assert_int_equal(o.timeout, TIMEOUT_DEFAULT);
	assert_int_equal(o.ghost_limit, 3072);
	options_free(&o);
}

static void test_errors(void **state)
{
	struct err err = { 0 };
	struct options o;

	(void)state;
	write_file(".crtools/default.conf", "\ntimeout soon\n");
	assert_int_not_equal(LOAD(&o, &err, "-v"), 0);
	assert_non_null(strstr(err.text, ".crtools/default.conf:2: --timeout soon: "));
	options_free(&o);

	memset(&err, 0, sizeof(err));
	write_file(".crtools/default.conf", "track-mem\n");
	assert_int_not_equal(LOAD(&o, &err, "-v"), 0);
	assert_int_equal(err.id, ERR_LATER);
	options_free(&o);
	write_file(".crtools/default.conf", "");
}

static int set_up(void **state)
{
	char path[256];

	(void)state;
	if (!mkdtemp(dir) || setenv("HOME", dir, 1))
		return -1;
	snprintf(path, sizeof(path), "%s/.criu", dir);
	if (mkdir(path, 0700))
		return -1;
	snprintf(path, sizeof(path), "%s/.crtools", dir);
	return mkdir(path, 0700);
}

static int tear_down(void **state)
{
	static const char *const names[] = { ".criu/default.conf",
					     ".crtools/default.conf",
					     "env.conf",
					     "other.conf",
					     ".criu",
					     ".crtools",
					     "" };
	char path[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		remove(path);
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_line_numbers),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
