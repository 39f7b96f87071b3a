/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words to settings: the command line (any order of options and verb, as getopt_long permutes) and
 * configuration files. Nothing is applied here: what is found is a list, which settings_apply()
 * puts into the options once all sources have been read.
 */
#ifndef FRONT_CLI_PARSE_H
#define FRONT_CLI_PARSE_H

#include "front/cli/option.h"

struct settings {
	struct setting *items;
	size_t n;
};

/* verb, args and cpuinfo_check go straight into o; the strings stay those of argv. */
int parse_argv(int argc, char **argv, struct options *o, struct settings *ret, struct err *err);
/* Whether an option was given; the value of the last. */
bool settings_have(const struct settings *list, const char *name);
const char *settings_value(const struct settings *list, const char *name);

/* The default files, --config and CRIU_CONFIG_FILE, as the command line cl says. A file that is
 * not there or can't be read is skipped, as CRIU does; notes tell of one that --config names. */
int config_read_all(struct options *o, const struct settings *cl, struct settings *ret,
		    struct str_list *notes, struct err *err);
/* One file's text; name is for messages. Changes text. */
int config_parse(struct options *o, const char *name, char *text, struct settings *ret,
		 struct err *err);

/* Sets fields in order, refuses what is refused, and adds a sentence to notes for each option that
 * has no effect with this verb. */
int settings_apply(struct options *o, const struct settings *list, struct str_list *notes,
		   struct err *err);
/* What must be there, and what contradicts itself. */
int options_check(struct options *o, struct err *err);

#endif
