/* SPDX-License-Identifier: Apache-2.0 */
/* See cli.h. */
#include "front/cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "engine/sentry.h"
#include "front/cli/help.h"
#include "front/cli/parse.h"
#include "front/cli/result.h"
#include "front/cli/start.h"

static const struct {
	int (*run)(struct run *run);
	bool own_output; /* prints its results itself, as JSON too */
	int never_begun; /* the status of a run that ends before the verb has begun; 0: 1 */
} verbs[VERB_COUNT] = {
	[VERB_DUMP] = { verb_dump },	     [VERB_RESTORE] = { verb_restore },
	[VERB_CHECK] = { cli_check },	     [VERB_SHOW] = { verb_show, true },
	[VERB_CPUINFO] = { verb_cpuinfo },   [VERB_EXEC] = { verb_exec, true, 2 },
	[VERB_CLEAN] = { verb_clean, true },
};

/* That of exec has to be told from a call that failed. */
static int never_begun(const struct options *o)
{
	return verbs[o->verb].never_begun ? verbs[o->verb].never_begun : 1;
}

/* Shared with the children that a restore forks; a page that is never given back. */
static struct err *shared_err(void)
{
	void *page = mmap(NULL, sizeof(struct err), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED ? NULL : page;
}

/* Command line, then files, but their settings come first. */
static int read_options(int argc, char **argv, struct options *o, struct settings *cl,
			struct str_list *notes, struct err *err)
{
	struct settings files = { 0 };
	int ret;

	ret = parse_argv(argc, argv, o, cl, err);
	if (ret || settings_have(cl, "help") || settings_have(cl, "version"))
		return ret;
	if (o->verb == VERB_NONE)
		return err_set(err, ERR_USAGE, 0, "a command is required");
	ret = config_read_all(o, cl, &files, notes, err);
	if (!ret)
		ret = settings_apply(o, &files, notes, err);
	if (!ret)
		ret = settings_apply(o, cl, notes, err);
	return ret ? ret : options_check(o, err);
}

static int print_help(const struct options *o, const struct settings *cl)
{
	if (settings_have(cl, "version"))
		help_version(stdout);
	else if (o->verb != VERB_NONE)
		help_verb(stdout, o->verb);
	else
		help_overview(stdout);
	return fflush(stdout) ? never_begun(o) : 0;
}

static int run_verb(struct run *run, const struct str_list *notes)
{
	int status = never_begun(run->opts);

	if (!start(run)) {
		for (size_t i = 0; i < notes->n; i++)
			log_warn("%s", notes->items[i]);
		session_init(&run->s, run->opts, run->err, run->images_fd);
		run->s.last = true;
		status = verbs[run->opts->verb].run(run);
	}
	result_print(run, status, verbs[run->opts->verb].own_output);
	session_end(&run->s);
	sentry_told(status);
	interrupt_allow(); /* everything was taken back: ends by the signal, if one came */
	return status;
}

/* --json may stand anywhere in a command line that could not be understood. */
static bool wants_json(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--json"))
			return true;
	return false;
}

/* Options name files that the tool opens, and processes that it takes apart: with a set-uid tool
 * all of that would be everybody's. */
static int refuse_set_uid(struct err *err)
{
	uid_t user = getuid();

	if (user == 0 || (user == geteuid() && getgid() == getegid()))
		return 0;
	return err_set(
		err, ERR_PERMISSION, 0,
		"crtools was started by user %u with the powers of user %u and group %u "
		"(set-uid or set-gid): that would give everybody the processes of all others; "
		"take the bit from its file",
		user, geteuid(), getegid());
}

static int main_with(struct options *o, int argc, char **argv, struct err *err)
{
	struct run run = { .opts = o, .err = err, .images_fd = -1 };
	struct settings cl = { 0 };
	struct str_list notes = { 0 };
	int status = 1;

	if (refuse_set_uid(err) || read_options(argc, argv, o, &cl, &notes, err)) {
		o->json = o->json || wants_json(argc, argv);
		status = never_begun(o);
		result_print(&run, status, false);
		if (o->verb == VERB_NONE && argc < 2)
			help_overview(stderr);
	} else if (settings_have(&cl, "help") || settings_have(&cl, "version")) {
		status = print_help(o, &cl);
	} else if (!verbs[o->verb].run) {
		err_set(err, ERR_LATER, 0, "%s is not part of this build", verb_name(o->verb));
		result_print(&run, 1, false);
	} else {
		status = run_verb(&run, &notes);
	}
	close_fd(&run.images_fd);
	return status;
}

int cli_main(int argc, char **argv)
{
	struct err *err = shared_err();
	struct options o;

	if (!err) {
		fprintf(stderr, "Error: there is no memory to start with\n");
		return 1;
	}
	if (sysconf(_SC_PAGESIZE) != 4096) { /* that of images, and of all that counts in pages */
		fprintf(stderr,
			"Error: this kernel has pages of %ld bytes, and crtools knows pages of 4096 "
			"only\n  Boot a kernel with pages of 4 KiB.\n",
			sysconf(_SC_PAGESIZE));
		return 1;
	}
	options_init(&o);
	return main_with(&o, argc, argv, err); /* memory is the kernel's to free (struct session) */
}
