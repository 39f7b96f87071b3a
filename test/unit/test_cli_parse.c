/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: what each kind of line leads to, wrong ones included. */
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

struct outcome {
	struct options o;
	struct err err;
	struct str_list notes;
	struct settings list;
	int ret;
};

/* Splits at blanks; "''" is an empty word. */
static void run(struct outcome *out, const char *line)
{
	char *argv[32] = { "crtools" }, *copy = strdup(line), *word;
	int argc = 1;

	memset(out, 0, sizeof(*out));
	options_init(&out->o);
	for (word = strtok(copy, " "); word; word = strtok(NULL, " "))
		argv[argc++] = arena_strdup(&out->o.arena, strcmp(word, "''") ? word : "");
	free(copy);
	out->ret = parse_argv(argc, argv, &out->o, &out->list, &out->err);
	if (!out->ret)
		out->ret = settings_apply(&out->o, &out->list, &out->notes, &out->err);
	if (!out->ret)
		out->ret = options_check(&out->o, &out->err);
}

static void end(struct outcome *out)
{
	options_free(&out->o);
}

/* Lines that must be refused, and a part of the sentence. */
static const struct {
	const char *line, *text;
	enum err_id id;
} bad[] = {
	{ "dmup -t 1", "unknown command dmup; the nearest one is dump", ERR_USAGE },
	{ "zzz", "unknown command zzz", ERR_USAGE },
	{ "dump", "dump needs a process", ERR_USAGE },
	{ "exec write", "exec needs a process", ERR_USAGE },
	{ "exec -t 1", "exec needs the system call", ERR_USAGE },
	{ "dump -t", "--tree needs a value: PID", ERR_USAGE },
	{ "dump -t x", "--tree x: a process id", ERR_USAGE },
	{ "dump -t 0", "process id", ERR_USAGE },
	{ "dump -t -5", "process id", ERR_USAGE },
	{ "dump -t 99999999999", "process id", ERR_USAGE },
	{ "dump -t 5 extra", "excessive parameter extra for command dump", ERR_USAGE },
	{ "restore -- CMD", "excessive parameter CMD", ERR_USAGE },
	{ "dump -t 5 --lave-running", "nearest one is --leave-running", ERR_USAGE },
	{ "dump -t 5 --no-tcp-closs", "nearest one is --no-tcp-close", ERR_USAGE },
	{ "dump -t 5 --qqqqqq", "unknown option --qqqqqq", ERR_USAGE },
	{ "dump -t 5 --=x", "unknown option --", ERR_USAGE },
	{ "dump -t 5 -q", "unknown option -q", ERR_USAGE },
	{ "dump -t 5 --leave", "ambiguous: it may be --leave-stopped, --leave-running", ERR_USAGE },
	{ "dump -t 5 --no-leave-running", "unknown option", ERR_USAGE },
	{ "dump -t 5 --leave-running=yes", "takes no value", ERR_USAGE },
	{ "dump -t 5 --link-remap=1", "takes no value", ERR_USAGE },
	{ "dump -t 5 --ghost-limit 5X", "--ghost-limit 5X: a number of bytes", ERR_USAGE },
	{ "dump -t 5 --ghost-limit -1", "--ghost-limit -1: a number of bytes", ERR_USAGE },
	{ "dump -t 5 --ghost-limit 99999999999G", "a number of bytes", ERR_USAGE },
	{ "dump -t 5 --timeout soon", "seconds", ERR_USAGE },
	{ "dump -t 5 --verbosity=loud", "a level from 0 to 4", ERR_USAGE },
	{ "dump -t 5 --file-validation size", "one of buildid|filesize|checksum", ERR_USAGE },
	{ "dump -t 5 --cpu-cap=gpu", "items are fpu", ERR_USAGE },
	{ "dump -t 5 --manage-cgroups=some", "one of ignore|none", ERR_USAGE },
	{ "dump -t 5 --network-lock maybe", "one of iptables|nftables|skip|none", ERR_USAGE },
	{ "dump -t 5 --external what[3]:x", "TYPE[ID]:VALUE", ERR_USAGE },
	{ "dump -t 5 --external file", "TYPE[ID]:VALUE", ERR_USAGE },
	{ "restore --inherit-fd fd[]:x", "fd[NUMBER]:KEY", ERR_USAGE },
	{ "restore --inherit-fd fd[3]:", "fd[NUMBER]:KEY", ERR_USAGE },
	{ "restore --inherit-fd fd[-1]:x", "fd[NUMBER]:KEY", ERR_USAGE },
	{ "dump -t 5 --inherit-fd fd[3]:x", "--inherit-fd is for restore only", ERR_USAGE },
	{ "restore -S", "--restore-sibling needs --restore-detached", ERR_USAGE },
	{ "dump -t 5 --mntns-compat-mode", "is for restore only", ERR_USAGE },
	{ "dump -t 5 --exec-cmd -- ls", "--exec-cmd is for restore only", ERR_USAGE },
	{ "restore --exec-cmd", "needs a command", ERR_USAGE },
	{ "restore -d --exec-cmd -- ls", "exclude each other", ERR_USAGE },
	{ "restore --manage-cgroups=full", "can't be restored by this version", ERR_LATER },
	{ "page-server --port 0", "--port 0: a port from 1 to 65535", ERR_USAGE },
	{ "page-server --port http", "--port http", ERR_USAGE },
	{ "page-server --port 80", "page-server belongs to migration", ERR_LATER },
	{ "pre-dump -t 5", "pre-dump belongs to migration", ERR_LATER },
	{ "swrk 3", "swrk belongs to the RPC", ERR_LATER },
	{ "swrk 3 4", "excessive parameter 4", ERR_USAGE },
	{ "dump -t 5 --lazy-pages", "lazy memory belongs to migration", ERR_LATER },
	{ "dump -t 5 --track-mem", "iterative migration", ERR_LATER },
	{ "restore -J net:5", "joining namespaces", ERR_LATER },
	{ "restore -r /x", "mount namespace", ERR_LATER },
	{ "cpuinfo", "needs a second word", ERR_USAGE },
	{ "cpuinfo both", "it is dump or check", ERR_USAGE },
	{ "cpuinfo dump check", "excessive parameter check", ERR_USAGE },
	{ "show --plan", "--plan makes no sense with show; it is for dump, restore", ERR_USAGE },
	{ "show -R", "--leave-running makes no sense with show", ERR_USAGE },
	{ "dump -t 5 --file x", "--file makes no sense with dump; it is for show", ERR_USAGE },
	{ "show -f a -t 5", "not both", ERR_USAGE },
	{ "show -f a b", "excessive parameter b", ERR_USAGE },
	{ "dump -t 5 -D ''", "empty value", ERR_USAGE },
};

static void test_bad_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct outcome out;

		run(&out, bad[i].line);
		if (!out.ret)
			fail_msg("\"%s\" was accepted", bad[i].line);
		if (!strstr(out.err.text, bad[i].text))
			fail_msg("\"%s\": \"%s\" lacks \"%s\"", bad[i].line, out.err.text,
				 bad[i].text);
		if (out.err.id != bad[i].id)
			fail_msg("\"%s\": id is %s", bad[i].line, err_id_name(out.err.id));
		end(&out);
	}
}

#define FIELD(f) offsetof(struct options, f), sizeof(((struct options *)0)->f)

/* Lines that must be accepted, and the number that a field has then. */
static const struct {
	const char *line;
	size_t offset, size;
	uint64_t value;
} good[] = {
	{ "dump -t 5", FIELD(pid), 5 },
	{ "-t 5 dump", FIELD(pid), 5 },
	{ "--tree=5 dump", FIELD(verb), VERB_DUMP },
	{ "-t5 dump", FIELD(pid), 5 },
	{ "dump -vvRt 12", FIELD(pid), 12 },
	{ "dump -vvRt 12", FIELD(leave_running), 1 },
	{ "dump -vvRt12", FIELD(verbosity), 4 },
	{ "dump -t 5", FIELD(verbosity), 2 },
	{ "dump -t 5 -v", FIELD(verbosity), 3 },
	{ "dump -t 5 -v -v", FIELD(verbosity), 4 },
	{ "dump -t 5 -vvvv", FIELD(verbosity), 6 },
	{ "dump -t 5 -v0", FIELD(verbosity), 0 },
	{ "dump -t 5 -v9", FIELD(verbosity), 4 },
	{ "dump -t 5 -v1 -v", FIELD(verbosity), 2 },
	{ "dump -t 5 -v4R", FIELD(leave_running), 1 },
	{ "dump -t 5 --verbosity", FIELD(verbosity), 3 },
	{ "dump -t 5 --verb=1", FIELD(verbosity), 1 },
	{ "dump -t 5 -vx", FIELD(ext_unix_sk), 1 },
	{ "dump -t 5 -x12,34j", FIELD(shell_job), 1 },
	{ "dump -t 5 --ext-unix-sk=12", FIELD(ext_unix_sk), 1 },
	{ "dump -t 5", FIELD(ghost_limit), 1 << 20 },
	{ "dump -t 5 --ghost-limit 4096", FIELD(ghost_limit), 4096 },
	{ "dump -t 5 --ghost-limit 3K", FIELD(ghost_limit), 3 << 10 },
	{ "dump -t 5 --ghost-limit 10M", FIELD(ghost_limit), 10 << 20 },
	{ "dump -t 5 --ghost-limit 2GB", FIELD(ghost_limit), 2ull << 30 },
	{ "dump -t 5 --ghost-limit 0", FIELD(ghost_limit), 0 },
	{ "dump -t 5", FIELD(timeout), 10 },
	{ "dump -t 5 --timeout 0", FIELD(timeout), 0 },
	{ "dump -t 5 --link-remap --no-link-remap", FIELD(link_remap), 0 },
	{ "dump -t 5 --no-link-remap --link-remap", FIELD(link_remap), 1 },
	{ "dump -t 5 --link-r", FIELD(link_remap), 1 },
	{ "dump -t 5 -s -R", FIELD(leave_stopped), 0 },
	{ "dump -t 5 -R -s", FIELD(leave_running), 0 },
	{ "dump -t 5 -j -l", FIELD(file_locks), 1 },
	{ "dump -t 5", FIELD(cpu_cap), CPU_CAP_FPU | CPU_CAP_INS },
	{ "dump -t 5 --cpu-cap", FIELD(cpu_cap), 15 },
	{ "dump -t 5 --cpu-cap=fpu", FIELD(cpu_cap), CPU_CAP_FPU | CPU_CAP_IMAGE },
	{ "dump -t 5 --cpu-cap=all,^cpu", FIELD(cpu_cap), 1 | 4 | 8 },
	{ "dump -t 5 --cpu-cap=none", FIELD(cpu_cap), 0 },
	{ "dump -t 5 --cpu-cap=fpu,none,ins", FIELD(cpu_cap), 4 | 8 },
	{ "dump -t 5 --file-validation filesize", FIELD(file_validation), 1 },
	{ "dump -t 5 --manage-cgroups", FIELD(manage_cgroups), CGROUPS_SOFT },
	{ "dump -t 5 --manage-cgroups=ignore", FIELD(manage_cgroups), CGROUPS_IGNORE },
	{ "dump -t 5 --manage-cgroups=default", FIELD(manage_cgroups), CGROUPS_SOFT },
	{ "dump -t 5 --no-tcp-established", FIELD(pid), 5 },
	{ "dump -t 5 --skip-mnt a --skip-mnt b", FIELD(skip_mnt.n), 2 },
	{ "dump -t 5 --colour never", FIELD(colour), COLOUR_NEVER },
	{ "dump -t 5 --col always", FIELD(colour), COLOUR_ALWAYS },
	{ "dump -t 5 --force-irmap --enable-fs all -M auto", FIELD(pid), 5 },
	{ "restore -d -S", FIELD(sibling), 1 },
	{ "restore --exec-cmd -- ls -t 5", FIELD(args.n), 3 },
	{ "restore --exec-cmd -- ls -t 5", FIELD(pid), 0 },
	{ "restore --inherit-fd fd[3]:tmp/x", FIELD(inherit_fd.n), 1 },
	{ "exec -t 5 kill 7 -9 --tree", FIELD(args.n), 4 },
	{ "cpuinfo check -D x", FIELD(cpuinfo_check), 1 },
	{ "cpuinfo dump", FIELD(cpuinfo_check), 0 },
	{ "check --feature mnt_id", FIELD(verb), VERB_CHECK },
	{ "check --extra --all", FIELD(check_all), 1 },
	{ "check --ms", FIELD(verb), VERB_CHECK },
	{ "--json clean", FIELD(json), 1 },
};

static void test_good_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct outcome out;
		uint64_t value = 0;

		run(&out, good[i].line);
		if (out.ret)
			fail_msg("\"%s\": %s", good[i].line, out.err.text);
		memcpy(&value, (char *)&out.o + good[i].offset, good[i].size);
		if (value != good[i].value)
			fail_msg("\"%s\": %lu instead of %lu", good[i].line, (unsigned long)value,
				 (unsigned long)good[i].value);
		end(&out);
	}
}

static void test_values(void **state)
{
	struct outcome out;

	(void)state;
	run(&out, "restore -D imgs -W=wd -o - --external mnt[a:b]:c --external file[1:2] "
		  "--inherit-fd fd[7]:file[1:2] --pidfile p");
	assert_int_equal(out.ret, 0);
	assert_string_equal(out.o.images_dir, "imgs");
	/* As with getopt, "=" behind a letter belongs to the value. */
	assert_string_equal(out.o.work_dir, "=wd");
	assert_string_equal(out.o.log_file, "-");
	assert_string_equal(out.o.pidfile, "p");
	assert_string_equal(options_external(&out.o, "mnt[a:b]"), "c");
	assert_string_equal(options_external(&out.o, "file[1:2]"), "");
	assert_null(options_external(&out.o, "file[1:]"));
	assert_null(options_external(&out.o, "mnt[a"));
	assert_int_equal(options_inherit_fd(&out.o, "file[1:2]"), 7);
	assert_int_equal(options_inherit_fd(&out.o, "file[1:3]"), -1);
	end(&out);

	run(&out, "exec -t 5 kill 7 -9 --tree");
	assert_string_equal(out.o.args.items[2], "-9");
	assert_string_equal(out.o.args.items[3], "--tree");
	end(&out);

	/* Behind the call everything is its: the process has to come before. */
	run(&out, "exec kill -t 5 9");
	assert_int_not_equal(out.ret, 0);
	assert_int_equal(out.o.args.n, 4);
	end(&out);

	run(&out, "show pstree.img");
	assert_string_equal(out.o.show_file, "pstree.img");
	end(&out);

	/* What has no effect is said, what is checked is checked all the same. */
	run(&out, "restore -t 5 -R --ghost-limit 1M");
	assert_int_equal(out.ret, 0);
	assert_int_equal(out.notes.n, 3);
	assert_string_equal(out.notes.items[0], "--tree has no effect with restore");
	end(&out);
	run(&out, "dump -t 5 --port 0");
	assert_int_not_equal(out.ret, 0);
	end(&out);
}

static void test_help_is_found(void **state)
{
	struct outcome out;

	(void)state;
	memset(&out, 0, sizeof(out));
	options_init(&out.o);
	assert_int_equal(parse_argv(3, (char *[]){ "crtools", "cpuinfo", "-h" }, &out.o, &out.list,
				    &out.err),
			 0);
	assert_true(settings_have(&out.list, "help"));
	end(&out);
}

/* Every entry of the table is reachable, and its texts are as the printers need them. */
static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < option_count; i++) {
		const struct option_info *opt = &option_table[i];
		struct err err = { 0 };
		bool negated;

		assert_ptr_equal(option_find(opt->name, &negated, &err), opt);
		assert_false(negated);
		if (opt->letter)
			assert_ptr_equal(option_find_letter(opt->letter), opt);
		assert_int_equal(opt->help[strlen(opt->help) - 1], '.');
		assert_int_equal(!*opt->arg_name,
				 opt->arg == ARG_NONE || opt->arg == ARG_NEGATABLE);
		assert_true(opt->verbs);
	}
	for (size_t i = 0; i < verb_count; i++)
		assert_int_equal(verb_find(verb_name(verb_table[i].verb)), verb_table[i].verb);
	assert_int_equal(verb_count, VERB_COUNT - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_lines), cmocka_unit_test(test_good_lines),
		cmocka_unit_test(test_values),	  cmocka_unit_test(test_help_is_found),
		cmocka_unit_test(test_table),
	};

	unsetenv("CRTOOLS_FAULT");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
