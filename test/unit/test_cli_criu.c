/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRIU's command line, option by option: a list that was written from CRIU 4.2's documented
 * behaviour, not from options.def, is held against the parser. Spelling, letter, whether a value is
 * taken and where it may stand, negation, and that an option which this version can't honour is
 * refused by a sentence.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "front/cli/parse.h"

enum arity {
	FLAG,	/* no value, no negation */
	SWITCH, /* no value, --no-NAME */
	VALUE,	/* "--name VALUE", "--name=VALUE", "-nVALUE", "-n VALUE" */
	MAYBE,	/* "--name", "--name=VALUE" */
};

static const struct {
	const char *name;
	char letter;
	enum arity arity;
	const char *value, *verb; /* a value that is right; a verb where the option has an effect */
} list[] = {
	{ "tree", 't', VALUE, "17", "dump" },
	{ "images-dir", 'D', VALUE, "some/dir", "dump" },
	{ "work-dir", 'W', VALUE, "some/dir", "dump" },
	{ "log-file", 'o', VALUE, "dump.log", "dump" },
	{ "verbosity", 'v', MAYBE, "3", "dump" },
	{ "log-pid", 0, SWITCH, NULL, "restore" },
	{ "pidfile", 0, VALUE, "pid", "restore" },
	{ "display-stats", 0, SWITCH, NULL, "dump" },
	{ "libdir", 'L', VALUE, "/usr/lib/criu", "dump" },
	{ "action-script", 0, VALUE, "/bin/true", "dump" },
	{ "config", 0, VALUE, "file.conf", "dump" },
	{ "no-default-config", 0, FLAG, NULL, "dump" },
	{ "unprivileged", 0, SWITCH, NULL, "dump" },
	{ "deprecated", 0, SWITCH, NULL, "restore" },
	{ "stream", 0, SWITCH, NULL, "dump" },
	{ "close", 0, VALUE, "9", "dump" },
	{ "status-fd", 0, VALUE, "9", "page-server" },
	{ "help", 'h', FLAG, NULL, "dump" },
	{ "version", 'V', FLAG, NULL, "dump" },
	{ "leave-stopped", 's', FLAG, NULL, "dump" },
	{ "leave-running", 'R', FLAG, NULL, "dump" },
	{ "track-mem", 0, SWITCH, NULL, "dump" },
	{ "prev-images-dir", 0, VALUE, "../1", "dump" },
	{ "pre-dump-mode", 0, VALUE, "read", "pre-dump" },
	{ "auto-dedup", 0, SWITCH, NULL, "dump" },
	{ "page-server", 0, SWITCH, NULL, "dump" },
	{ "lazy-pages", 0, FLAG, NULL, "dump" },
	{ "freeze-cgroup", 0, VALUE, "/sys/fs/cgroup/x", "dump" },
	{ "timeout", 0, VALUE, "20", "dump" },
	{ "ghost-limit", 0, VALUE, "8M", "dump" },
	{ "ghost-fiemap", 0, SWITCH, NULL, "dump" },
	{ "link-remap", 0, SWITCH, NULL, "dump" },
	{ "evasive-devices", 0, SWITCH, NULL, "dump" },
	{ "force-irmap", 0, SWITCH, NULL, "dump" },
	{ "irmap-scan-path", 0, VALUE, "/etc", "dump" },
	{ "skip-mnt", 0, VALUE, "/mnt", "dump" },
	{ "cpu-cap", 0, MAYBE, "fpu,^ins", "dump" },
	{ "cgroup-dump-controller", 0, VALUE, "cpu", "dump" },
	{ "cgroup-props", 0, VALUE, "text", "dump" },
	{ "cgroup-props-file", 0, VALUE, "file", "dump" },
	{ "file-validation", 0, VALUE, "filesize", "dump" },
	{ "network-lock", 0, VALUE, "nftables", "dump" },
	{ "skip-in-flight", 0, SWITCH, NULL, "dump" },
	{ "restore-detached", 'd', SWITCH, NULL, "restore" },
	{ "restore-sibling", 'S', SWITCH, NULL, "restore" },
	{ "root", 'r', VALUE, "/new", "restore" },
	{ "exec-cmd", 0, FLAG, NULL, "restore" },
	{ "inherit-fd", 0, VALUE, "fd[1]:pipe:[5]", "restore" },
	{ "join-ns", 'J', VALUE, "net:12", "restore" },
	{ "weak-sysctls", 0, SWITCH, NULL, "restore" },
	{ "skip-file-rwx-check", 0, SWITCH, NULL, "restore" },
	{ "mntns-compat-mode", 0, SWITCH, NULL, "restore" },
	{ "lsm-profile", 0, VALUE, "apparmor:x", "restore" },
	{ "lsm-mount-context", 0, VALUE, "ctx", "restore" },
	{ "veth-pair", 0, VALUE, "a=b", "restore" },
	{ "empty-ns", 0, VALUE, "net", "restore" },
	{ "shell-job", 'j', SWITCH, NULL, "dump" },
	{ "file-locks", 'l', SWITCH, NULL, "dump" },
	{ "tcp-established", 0, SWITCH, NULL, "dump" },
	{ "tcp-close", 0, SWITCH, NULL, "dump" },
	{ "ext-unix-sk", 'x', MAYBE, "12,13", "dump" },
	{ "external", 0, VALUE, "mnt[/x]:y", "dump" },
	{ "ext-mount-map", 'M', VALUE, "auto", "dump" },
	{ "enable-external-sharing", 0, SWITCH, NULL, "dump" },
	{ "enable-external-masters", 0, SWITCH, NULL, "dump" },
	{ "enable-fs", 0, VALUE, "all", "dump" },
	{ "manage-cgroups", 0, MAYBE, "full", "dump" },
	{ "cgroup-root", 0, VALUE, "cpu:/x", "dump" },
	{ "cgroup-yard", 0, VALUE, "/yard", "dump" },
	{ "allow-uprobes", 0, SWITCH, NULL, "dump" },
	{ "feature", 0, VALUE, "userns", "check" },
	{ "extra", 0, FLAG, NULL, "check" },
	{ "experimental", 0, FLAG, NULL, "check" },
	{ "all", 0, FLAG, NULL, "check" },
	{ "ms", 0, FLAG, NULL, "check" },
	{ "address", 0, VALUE, "127.0.0.1", "page-server" },
	{ "port", 0, VALUE, "7000", "page-server" },
	{ "ps-socket", 0, VALUE, "9", "page-server" },
	{ "daemon", 0, SWITCH, NULL, "page-server" },
	{ "tls", 0, SWITCH, NULL, "page-server" },
	{ "tls-cacert", 0, VALUE, "f", "page-server" },
	{ "tls-cacrl", 0, VALUE, "f", "page-server" },
	{ "tls-cert", 0, VALUE, "f", "page-server" },
	{ "tls-key", 0, VALUE, "f", "page-server" },
	{ "tls-no-cn-verify", 0, SWITCH, NULL, "page-server" },
};

#define COUNT (sizeof(list) / sizeof(list[0]))

struct outcome {
	struct options o;
	struct settings settings;
	struct err err;
	int ret;
};

static void parse(struct outcome *out, const char *verb, const char *word, const char *next)
{
	char *argv[] = { (char *)"criu", (char *)verb, (char *)word, (char *)next };

	memset(out, 0, sizeof(*out));
	options_init(&out->o);
	out->ret = parse_argv(next ? 4 : 3, argv, &out->o, &out->settings, &out->err);
}

/* The words have to give this one setting, and use up all words. */
static void expect(size_t i, const char *word, const char *next, const char *value, bool negated)
{
	struct outcome out;

	parse(&out, list[i].verb, word, next);
	if (out.ret || out.settings.n != 1)
		fail_msg("%s %s: %zu settings, %s", word, next ? next : "", out.settings.n,
			 out.err.text);
	assert_string_equal(out.settings.items[0].opt->name, list[i].name);
	assert_int_equal(out.settings.items[0].negated, negated);
	if (value)
		assert_string_equal(out.settings.items[0].value, value);
	else
		assert_null(out.settings.items[0].value);
	assert_int_equal(out.o.args.n, 0);
	options_free(&out.o);
}

static void expect_refused(size_t i, const char *word, const char *next, const char *text)
{
	struct outcome out;

	parse(&out, list[i].verb, word, next);
	if (out.ret >= 0)
		fail_msg("%s is accepted", word);
	assert_int_equal(out.err.id, ERR_USAGE);
	if (!strstr(out.err.text, text))
		fail_msg("%s: %s", word, out.err.text);
	options_free(&out.o);
}

static void test_long(void **state)
{
	char word[96];

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		snprintf(word, sizeof(word), "--%s", list[i].name);
		if (list[i].arity == VALUE) {
			expect(i, word, list[i].value, list[i].value, false);
			expect_refused(i, word, NULL, "needs a value");
		} else {
			expect(i, word, NULL, NULL, false);
		}
		/* A value that may be left out never is the next word. */
		if (list[i].arity == MAYBE)
			expect_refused(i, word, list[i].value, "excessive parameter");
		snprintf(word, sizeof(word), "--%s=%s", list[i].name,
			 list[i].value ? list[i].value : "1");
		if (list[i].value)
			expect(i, word, NULL, list[i].value, false);
		else
			expect_refused(i, word, NULL, "takes no value");
	}
}

/* "--no-all" means "--no-allow-uprobes": unique beginnings are as good. */
static bool begins_switch(const char *name)
{
	for (size_t i = 0; i < COUNT; i++)
		if (list[i].arity == SWITCH && !strncmp(list[i].name, name, strlen(name)))
			return true;
	return false;
}

static void test_negation(void **state)
{
	char word[96];

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		snprintf(word, sizeof(word), "--no-%s", list[i].name);
		if (list[i].arity == SWITCH)
			expect(i, word, NULL, NULL, true);
		else if (!begins_switch(list[i].name))
			expect_refused(i, word, NULL, "unknown option");
	}
}

static void test_letters(void **state)
{
	char word[96];
	size_t letters = 0;

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		letters += list[i].letter != 0;
		if (!list[i].letter)
			continue;
		snprintf(word, sizeof(word), "-%c", list[i].letter);
		if (list[i].arity == VALUE)
			expect(i, word, list[i].value, list[i].value, false);
		else
			expect(i, word, NULL, NULL, false);
		snprintf(word, sizeof(word), "-%c%s", list[i].letter,
			 list[i].value ? list[i].value : "");
		expect(i, word, NULL, list[i].value, false);
	}
	assert_int_equal(letters, 18);
}

/* With its verb an option is taken, or refused by a sentence of its own; never silently dropped. */
static void test_effect(void **state)
{
	char word[96];
	size_t later = 0;

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		struct str_list notes = { 0 };
		struct outcome out;
		int ret;

		snprintf(word, sizeof(word), "--%s%s%s", list[i].name, list[i].value ? "=" : "",
			 list[i].value ? list[i].value : "");
		parse(&out, list[i].verb, word, NULL);
		assert_int_equal(out.ret, 0);
		ret = settings_apply(&out.o, &out.settings, &notes, &out.err);
		later += out.err.id == ERR_LATER;
		if (out.err.id == ERR_LATER) {
			snprintf(word, sizeof(word), "--%s: ", list[i].name);
			assert_int_equal(strncmp(out.err.text, word, strlen(word)), 0);
			assert_non_null(strstr(out.err.text, "this version"));
		} else if (ret) {
			fail_msg("%s: %s", word, out.err.text);
		}
		options_free(&out.o);
	}
	assert_true(later < COUNT / 3);
}

/* What the table has beyond this list is crtools' own. */
static void test_nothing_else(void **state)
{
	(void)state;
	for (size_t k = 0; k < option_count; k++) {
		bool listed = false;

		for (size_t i = 0; i < COUNT; i++)
			listed = listed || !strcmp(option_table[k].name, list[i].name);
		if (listed == (option_table[k].origin == ORIGIN_OWN))
			fail_msg("--%s", option_table[k].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_long),	     cmocka_unit_test(test_negation),
		cmocka_unit_test(test_letters),	     cmocka_unit_test(test_effect),
		cmocka_unit_test(test_nothing_else),
	};

	unsetenv("CRTOOLS_FAULT");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
