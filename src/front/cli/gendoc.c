/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run at build time: man pages and shell completions from the tables of options and verbs.
 *   gendoc man TEMPLATE | gendoc bash | gendoc zsh      writes to standard output
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "front/cli/gendoc.h"
#include "front/cli/help.h"
#include "front/cli/option.h"

/* --- completions --------------------------------------------------------------------------- */

/* What an argument's name says about what may stand there. */
enum hint { HINT_NONE, HINT_FILE, HINT_DIR, HINT_PID, HINT_CHOICE };

static enum hint hint_of(const struct option_info *opt)
{
	static const char *const files[] = { "FILE", "PROGRAM", "IMAGE", "PATH" };
	const char *arg = opt->arg_name;

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (!strcmp(arg, files[i]))
			return HINT_FILE;
	if (!strcmp(arg, "DIR"))
		return HINT_DIR;
	if (!strcmp(arg, "PID"))
		return HINT_PID;
	if (islower((unsigned char)*arg) &&
	    strspn(arg, "abcdefghijklmnopqrstuvwxyz|") == strlen(arg))
		return HINT_CHOICE;
	return HINT_NONE;
}

static void print_choices(const struct option_info *opt)
{
	for (const char *c = opt->arg_name; *c; c++)
		putchar(*c == '|' ? ' ' : *c);
}

static void bash_cases(void)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option_info *opt = &option_table[i];
		enum hint hint = hint_of(opt);

		if (opt->arg != ARG_REQUIRED)
			continue;
		printf("\t--%s", opt->name);
		if (opt->letter)
			printf("|-%c", opt->letter);
		printf(")\n\t\t");
		if (hint == HINT_FILE)
			printf("compopt -o filenames; COMPREPLY=($(compgen -f -- \"$cur\"))");
		else if (hint == HINT_DIR)
			printf("compopt -o filenames; COMPREPLY=($(compgen -d -- \"$cur\"))");
		else if (hint == HINT_PID)
			printf("COMPREPLY=($(compgen -W \"$(cd /proc && echo [0-9]*)\" -- \"$cur\"))");
		else if (hint == HINT_CHOICE) {
			printf("COMPREPLY=($(compgen -W \"");
			print_choices(opt);
			printf("\" -- \"$cur\"))");
		} else {
			printf("COMPREPLY=()");
		}
		printf("\n\t\treturn ;;\n");
	}
}

static void print_words(unsigned int verbs)
{
	for (size_t i = 0; i < option_count; i++) {
		const struct option_info *opt = &option_table[i];

		if (!(opt->verbs & verbs) || opt->later)
			continue;
		printf(" --%s", opt->name);
		if (opt->arg == ARG_NEGATABLE)
			printf(" --no-%s", opt->name);
	}
}

static void print_verbs(void)
{
	for (size_t i = 0, n = 0; i < verb_count; i++)
		if (!verb_table[i].later)
			printf("%s%s", n++ ? " " : "", verb_name(verb_table[i].verb));
}

static void write_bash(void)
{
	printf("# bash completion for crtools; made from the table of options\n"
	       "_crtools()\n{\n"
	       "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
	       "\tlocal verb= word verbs=\"");
	print_verbs();
	printf("\"\n\tfor word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
	       "\t\tcase \" $verbs \" in *\" $word \"*) verb=$word; break ;; esac\n"
	       "\tdone\n"
	       "\tcase $prev in\n");
	bash_cases();
	printf("\tesac\n\tcase $verb:$cur in\n"
	       "\tcpuinfo:[a-z]*|cpuinfo:)\n"
	       "\t\tCOMPREPLY=($(compgen -W \"dump check\" -- \"$cur\"))\n\t\treturn ;;\n"
	       "\t:-*)\n\t\tCOMPREPLY=($(compgen -W \"");
	print_words(V_ALL);
	printf("\" -- \"$cur\"))\n\t\treturn ;;\n"
	       "\t:*)\n\t\tCOMPREPLY=($(compgen -W \"$verbs\" -- \"$cur\"))\n\t\treturn ;;\n"
	       "\tesac\n\tcase $verb in\n");
	for (size_t i = 0; i < verb_count; i++) {
		if (verb_table[i].later)
			continue;
		printf("\t%s)\n\t\tCOMPREPLY=($(compgen -W \"", verb_name(verb_table[i].verb));
		print_words(1u << verb_table[i].verb);
		printf("\" -- \"$cur\")) ;;\n");
	}
	printf("\tesac\n}\ncomplete -F _crtools crtools\n");
}

/* In single quotes; brackets and colons mean something to _arguments. */
static void zsh_text(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\'')
			fputs("'\\''", stdout);
		else if (strchr("[]:\\", text[i]))
			printf("\\%c", text[i]);
		else
			putchar(text[i]);
	}
}

static void zsh_option(const struct option_info *opt, const char *lead, const char *name)
{
	enum hint hint = hint_of(opt);

	printf("\t'*%s%s%s[", lead, name,
	       opt->arg == ARG_REQUIRED && lead[1]   ? "="
	       : opt->arg == ARG_OPTIONAL && lead[1] ? "=-"
						     : "");
	zsh_text(opt->help, help_first_sentence(opt->help));
	printf("]");
	if (opt->arg == ARG_REQUIRED || opt->arg == ARG_OPTIONAL) {
		printf("%s", opt->arg == ARG_OPTIONAL ? "::" : ":");
		zsh_text(opt->arg_name, strlen(opt->arg_name));
		printf(":");
		if (hint == HINT_FILE)
			printf("_files");
		else if (hint == HINT_DIR)
			printf("_files -/");
		else if (hint == HINT_PID)
			printf("_pids");
		else if (hint == HINT_CHOICE) {
			printf("(");
			print_choices(opt);
			printf(")");
		}
	}
	printf("' \\\n");
}

static void write_zsh(void)
{
	char name[64];

	printf("#compdef crtools\n# made from the table of options\n_arguments -s -S \\\n");
	for (size_t i = 0; i < option_count; i++) {
		const struct option_info *opt = &option_table[i];

		if (opt->later)
			continue;
		zsh_option(opt, "--", opt->name);
		if (opt->arg == ARG_NEGATABLE) {
			snprintf(name, sizeof(name), "no-%s", opt->name);
			zsh_option(opt, "--", name);
		}
		if (opt->letter) {
			snprintf(name, sizeof(name), "%c", opt->letter);
			zsh_option(opt, "-", name);
		}
	}
	printf("\t'1:command:(");
	print_verbs();
	printf(")' \\\n\t'*:argument:_files'\n");
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "man"))
		return gendoc_man(argv[2]);
	if (argc == 2 && !strcmp(argv[1], "bash"))
		write_bash();
	else if (argc == 2 && !strcmp(argv[1], "zsh"))
		write_zsh();
	else
		return 1;
	return fflush(stdout) ? 1 : 0;
}
