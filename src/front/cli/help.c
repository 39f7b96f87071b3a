/* SPDX-License-Identifier: Apache-2.0 */
/* See help.h. */
#include "front/cli/help.h"

#include <string.h>

#ifndef CRTOOLS_VERSION
#define CRTOOLS_VERSION "unknown"
#endif

#define WIDTH  98
#define COLUMN 32

size_t help_first_sentence(const char *help)
{
	const char *end = strstr(help, ". ");

	return end ? (size_t)(end - help) + 1 : strlen(help);
}

/* Words of text[0, len) in lines of WIDTH: the first goes on at column at, others at indent. */
static void wrap(FILE *out, const char *text, size_t len, size_t at, size_t indent)
{
	const char *end = text + len;

	while (text < end) {
		size_t word = strcspn(text, " ");

		if (word > (size_t)(end - text))
			word = end - text;
		if (at > indent && at + 1 + word > WIDTH) {
			fprintf(out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (at > indent) {
			fputc(' ', out);
			at++;
		}
		fwrite(text, 1, word, out);
		at += word;
		text += word;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void print_entry(FILE *out, const char *left, const char *help)
{
	int n = fprintf(out, "  %s", left);

	if (n >= COLUMN) {
		fprintf(out, "\n");
		n = 0;
	}
	fprintf(out, "%*s", COLUMN - n, "");
	wrap(out, help, help_first_sentence(help), COLUMN, COLUMN);
}

static void print_option(FILE *out, const struct option_info *opt)
{
	char left[128];
	int n = 0;

	if (opt->letter)
		n = snprintf(left, sizeof(left), "-%c, ", opt->letter);
	else
		n = snprintf(left, sizeof(left), "    ");
	snprintf(left + n, sizeof(left) - n, "--%s%s%s%s%s",
		 opt->arg == ARG_NEGATABLE ? "[no-]" : "", opt->name,
		 opt->arg == ARG_REQUIRED   ? " "
		 : opt->arg == ARG_OPTIONAL ? "[="
					    : "",
		 opt->arg_name, opt->arg == ARG_OPTIONAL ? "]" : "");
	print_entry(out, left, opt->help);
}

static bool has_effect(const struct option_info *opt)
{
	return !opt->later && (!opt->passed || opt->section == SECTION_GENERIC);
}

/* verbs: only options of these. */
static void print_section(FILE *out, enum option_section section, unsigned int verbs)
{
	bool titled = false;

	for (size_t i = 0; i < option_count; i++) {
		const struct option_info *opt = &option_table[i];

		if (opt->section != section || !(opt->verbs & verbs) || !has_effect(opt))
			continue;
		if (!titled)
			fprintf(out, "\n%s:\n", option_section_title(section));
		titled = true;
		print_option(out, opt);
	}
}

static void print_names(FILE *out, const char *title, unsigned int verb, bool later)
{
	size_t at = COLUMN;
	bool titled = false;

	for (size_t i = 0; i < option_count; i++) {
		const struct option_info *opt = &option_table[i];

		if (!(opt->verbs & verb) || has_effect(opt) || !opt->later == later)
			continue;
		if (!titled)
			fprintf(out, "\n%s:\n ", title);
		if (!titled || at + strlen(opt->name) + 3 > WIDTH) {
			at = 1;
			if (titled)
				fprintf(out, "\n ");
		}
		titled = true;
		at += (size_t)fprintf(out, " --%s", opt->name);
	}
	if (titled)
		fputc('\n', out);
}

void help_overview(FILE *out)
{
	fprintf(out, "Usage: crtools COMMAND [OPTIONS]\n\n"
		     "Saves a tree of Linux processes to image files, and builds it again from "
		     "them.\n\nCommands:\n");
	for (size_t i = 0; i < verb_count; i++)
		if (!verb_table[i].later)
			print_entry(out, verb_name(verb_table[i].verb), verb_table[i].summary);
	print_section(out, SECTION_GENERIC, V_ALL);
	fprintf(out,
		"\nOptions and command may come in any order. crtools COMMAND --help lists the "
		"options of a\ncommand, and the man page crtools-COMMAND(1) explains them.\n");
}

void help_verb(FILE *out, enum verb verb)
{
	const struct verb_info *info = verb_info(verb);

	fprintf(out, "Usage: crtools %s\n\n", info->synopsis);
	if (info->text)
		wrap(out, info->text, strlen(info->text), 0, 0);
	else
		fprintf(out, "%s\n", info->summary);
	if (info->later) {
		fprintf(out, "\n%s %s.\n", verb_name(verb), info->later);
		return;
	}
	for (int section = SECTION_GENERIC + 1; section < SECTION_COUNT; section++)
		print_section(out, section, 1u << verb);
	print_section(out, SECTION_GENERIC, 1u << verb);
	print_names(out, "Accepted, for trees that this version refuses for the object itself",
		    1u << verb, false);
	print_names(out, "Refused by this version", 1u << verb, true);
}

/* Scripts read the first line, and one that begins with "GitID:" where there is one: builds from
 * git tell none, since that would stand for a commit of CRIU. */
void help_version(FILE *out)
{
	fprintf(out, "Version: %s\ncrtools %s\n", CRIU_VERSION, CRTOOLS_VERSION);
}
