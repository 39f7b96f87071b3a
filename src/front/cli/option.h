/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of all options (options.def) and the verbs (verbs.c): from them come the parser, the
 * configuration files, --help, the man page, the completions, and (later) the RPC mapping.
 */
#ifndef FRONT_CLI_OPTION_H
#define FRONT_CLI_OPTION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "model/options.h"

enum option_arg {
	ARG_NONE,
	ARG_NEGATABLE, /* a boolean; --no-NAME exists too */
	ARG_REQUIRED,
	ARG_OPTIONAL, /* only as --name=value, or as digits behind the letter */
};

enum option_section {
	SECTION_GENERIC,
	SECTION_DUMP,
	SECTION_RESTORE,
	SECTION_BOTH,
	SECTION_CHECK,
	SECTION_SHOW,
	SECTION_SERVER,
	SECTION_COUNT
};

enum option_origin {
	ORIGIN_CRIU, /* CRIU has it: it is accepted with each of CRIU's verbs, as there */
	ORIGIN_OWN,  /* only with its verbs */
};

struct option_info;

/* One option as it was given. */
struct setting {
	const struct option_info *opt;
	const char *value; /* NULL: none */
	bool negated;	   /* --no-NAME */
	const char *where; /* "FILE:LINE", or NULL for the command line */
};

/* Puts a value into the options; an error names the option itself (see option_error). */
typedef int (*option_set_fn)(struct options *o, const struct setting *s, struct err *err);

struct option_info {
	const char *name;
	char letter; /* 0: none */
	enum option_arg arg;
	const char *arg_name; /* "PID", or the values to choose from, "a|b|c" */
	unsigned int verbs;   /* V(…) or-ed: where it has an effect */
	enum option_section section;
	enum option_origin origin;
	option_set_fn set; /* NULL: accepted, there is nothing to do */
	size_t field;	   /* offset in struct options, for set */
	const char *rpc;   /* name of the field in criu_opts, "" if there is none */
	const char *help;  /* a sentence; what --help and the man page say */
	bool passed;	   /* accepted without an effect of its own; set only checks the value */
	const char *later; /* not NULL: refused with this sentence where it would have an effect */
};

#define V(verb) (1u << VERB_##verb)
#define V_DUMPS (V(DUMP) | V(PRE_DUMP))
#define V_TREE	(V_DUMPS | V(RESTORE))
/* What a dump judges by, and so check -t, which foretells it. */
#define V_JUDGED  (V_DUMPS | V(CHECK))
#define V_BOTH	  (V_JUDGED | V(RESTORE))
#define V_ENDS	  (V(DUMP) | V(CHECK))
#define V_SERVERS (V(LAZY_PAGES) | V(PAGE_SERVER) | V(SERVICE) | V(SWRK))
#define V_CRIU	  (V_TREE | V_SERVERS | V(CHECK) | V(CPUINFO) | V(DEDUP))
#define V_ALL	  (V_CRIU | V(SHOW) | V(EXEC) | V(CLEAN))

extern const struct option_info option_table[];
extern const size_t option_count;

/* Exact names win, then unique beginnings, "no-" of booleans included. Fills *ret_negated. */
const struct option_info *option_find(const char *name, bool *ret_negated, struct err *err);
const struct option_info *option_find_letter(char letter);

const char *option_section_title(enum option_section section);
/* "--name" or "--no-name", with the place in a file where it is not the command line; the text
 * lives in o's arena. */
const char *option_label(struct options *o, const struct setting *s);
/* "dump, restore": the verbs of a mask; in o's arena. */
char *verbs_text(struct arena *a, unsigned int verbs);

struct verb_info {
	enum verb verb;
	bool needs_pid;
	bool needs_images; /* the images directory is opened, and is the default work directory */
	const char *synopsis, *summary;
	const char *text;  /* a paragraph for the man page */
	const char *later; /* not NULL: known, and refused with this sentence */
};

extern const struct verb_info verb_table[];
extern const size_t verb_count;

const struct verb_info *verb_info(enum verb verb);
/* VERB_NONE when there is no such word. */
enum verb verb_find(const char *word);
/* "Did you mean": the nearest verb or NULL. */
const char *verb_nearest(const char *word);

#endif
