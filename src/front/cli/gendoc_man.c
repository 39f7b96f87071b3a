/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Man pages: crtools(1) is the overview, and each command has a page of its own. A template has the
 * text that no table knows, and these lines, which are replaced:
 *   @COMMANDS@             every command with its summary, and those that are refused
 *   @OPTIONS@              the options that go with every command
 *   @SYNOPSIS COMMAND@, @DESCRIPTION COMMAND@, @OPTIONS COMMAND@
 */
#include "front/cli/gendoc.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "front/cli/help.h"
#include "front/cli/option.h"

/* A dash in an option must be a real one, a line must not begin with a control character. */
static void troff(const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
	for (; *text; text++) {
		if (*text == '-')
			fputs("\\-", stdout);
		else if (*text == '\\')
			fputs("\\e", stdout);
		else
			putchar(*text);
	}
}

/* Sentences begin lines, as man pages are written. */
static void man_text(const char *text)
{
	while (*text) {
		size_t n = help_first_sentence(text);
		char sentence[2048];

		snprintf(sentence, sizeof(sentence), "%.*s", (int)n, text);
		troff(sentence);
		putchar('\n');
		text += n;
		text += strspn(text, " ");
	}
}

static void man_commands(void)
{
	for (size_t i = 0; i < verb_count; i++) {
		const struct verb_info *v = &verb_table[i];

		if (v->later)
			continue;
		printf(".TP\n.BR crtools\\-%s (1)\n", verb_name(v->verb));
		troff(v->summary);
		printf("\n");
	}
	printf(".PP\nKnown, but refused by this version:\n");
	for (size_t i = 0, n = 0; i < verb_count; i++)
		if (verb_table[i].later) {
			printf("%s\\fB", n++ ? ", " : "");
			troff(verb_name(verb_table[i].verb));
			printf("\\fR");
		}
	printf(".\n");
}

static void man_option(const struct option_info *opt)
{
	printf(".TP\n");
	if (opt->letter)
		printf("\\fB\\-%c\\fR, ", opt->letter);
	printf("\\fB\\-\\-%s", opt->arg == ARG_NEGATABLE ? "\\fR[\\fBno\\-\\fR]\\fB" : "");
	troff(opt->name);
	printf("\\fR%s\\fI", opt->arg == ARG_REQUIRED ? " " : opt->arg == ARG_OPTIONAL ? "[=" : "");
	troff(opt->arg_name);
	printf("\\fR%s\n", opt->arg == ARG_OPTIONAL ? "]" : "");
	man_text(opt->help);
	if (opt->later) {
		printf("Refused by this version: ");
		troff(opt->later);
		printf(".\n");
	} else if (opt->passed && opt->section != SECTION_GENERIC &&
		   opt->section != SECTION_CHECK) {
		printf("Accepted; what it is about is refused by this version.\n");
	}
}

static void man_section(enum option_section section, unsigned int verbs)
{
	bool titled = false;

	for (size_t i = 0; i < option_count; i++) {
		const struct option_info *opt = &option_table[i];

		if (opt->section != section || !(opt->verbs & verbs))
			continue;
		if (!titled)
			printf(".SS %s\n", option_section_title(section));
		titled = true;
		man_option(opt);
	}
}

/* A command's own options first. */
static void man_verb_options(enum verb verb)
{
	for (int section = SECTION_GENERIC + 1; section < SECTION_COUNT; section++)
		man_section(section, 1u << verb);
	man_section(SECTION_GENERIC, 1u << verb);
}

static void man_synopsis(const struct verb_info *v)
{
	const char *rest = v->synopsis + strlen(verb_name(v->verb));

	printf("\\fBcrtools %s\\fR", verb_name(v->verb));
	troff(rest);
	putchar('\n');
}

/* A line between at-signs that names a command. */
static int man_of_verb(const char *what, const char *name)
{
	enum verb verb = verb_find(name);

	if (verb == VERB_NONE || verb_info(verb)->later)
		return 1;
	if (!strcmp(what, "SYNOPSIS"))
		man_synopsis(verb_info(verb));
	else if (!strcmp(what, "DESCRIPTION"))
		man_text(verb_info(verb)->text);
	else if (!strcmp(what, "OPTIONS"))
		man_verb_options(verb);
	else
		return 1;
	return 0;
}

static int man_line(const char *line)
{
	char what[32], name[32];

	if (!strcmp(line, "@COMMANDS@\n"))
		man_commands();
	else if (!strcmp(line, "@OPTIONS@\n"))
		man_section(SECTION_GENERIC, V_ALL);
	else if (sscanf(line, "@%31[A-Z] %31[a-z]@", what, name) == 2)
		return man_of_verb(what, name);
	else
		fputs(line, stdout);
	return 0;
}

int gendoc_man(const char *template)
{
	_cleanup_file_ FILE *in = fopen(template, "r");
	char line[4096];

	if (!in) {
		perror(template);
		return 1;
	}
	while (fgets(line, sizeof(line), in))
		if (man_line(line)) {
			fprintf(stderr, "%s: no such text: %s", template, line);
			return 1;
		}
	return fflush(stdout) ? 1 : 0;
}
