/* SPDX-License-Identifier: Apache-2.0 */
/* The table of options, and how a word is found in it. */
#include "front/cli/option.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/nearest.h"
#include "front/cli/set.h"

#define OPT(n, l, a, an, v, s, f, fld, r, h)                                                       \
	{ .name = n,                                                                               \
	  .letter = l,                                                                             \
	  .arg = a,                                                                                \
	  .arg_name = an,                                                                          \
	  .verbs = v,                                                                              \
	  .section = s,                                                                            \
	  .origin = ORIGIN_CRIU,                                                                   \
	  .set = f,                                                                                \
	  .field = offsetof(struct options, fld),                                                  \
	  .rpc = r,                                                                                \
	  .help = h },
#define HELD(n, l, a, an, v, s, f, fld, r, h)                                                      \
	{ .name = n,                                                                               \
	  .letter = l,                                                                             \
	  .arg = a,                                                                                \
	  .arg_name = an,                                                                          \
	  .verbs = v,                                                                              \
	  .section = s,                                                                            \
	  .origin = ORIGIN_CRIU,                                                                   \
	  .set = f,                                                                                \
	  .field = offsetof(struct options, fld),                                                  \
	  .rpc = r,                                                                                \
	  .help = h,                                                                               \
	  .passed = true },
#define OWN(n, l, a, an, v, s, f, fld, h)                                                          \
	{ .name = n,                                                                               \
	  .letter = l,                                                                             \
	  .arg = a,                                                                                \
	  .arg_name = an,                                                                          \
	  .verbs = v,                                                                              \
	  .section = s,                                                                            \
	  .origin = ORIGIN_OWN,                                                                    \
	  .set = f,                                                                                \
	  .field = offsetof(struct options, fld),                                                  \
	  .rpc = "",                                                                               \
	  .help = h },
#define PASS(n, l, a, an, v, s, f, r, h)                                                           \
	{ .name = n,                                                                               \
	  .letter = l,                                                                             \
	  .arg = a,                                                                                \
	  .arg_name = an,                                                                          \
	  .verbs = v,                                                                              \
	  .section = s,                                                                            \
	  .origin = ORIGIN_CRIU,                                                                   \
	  .set = f,                                                                                \
	  .rpc = r,                                                                                \
	  .help = h,                                                                               \
	  .passed = true },
#define LATER(n, l, a, an, v, s, r, h, why)                                                        \
	{ .name = n,                                                                               \
	  .letter = l,                                                                             \
	  .arg = a,                                                                                \
	  .arg_name = an,                                                                          \
	  .verbs = v,                                                                              \
	  .section = s,                                                                            \
	  .origin = ORIGIN_CRIU,                                                                   \
	  .rpc = r,                                                                                \
	  .help = h,                                                                               \
	  .later = why },

const struct option_info option_table[] = {
#include "front/cli/options.def"
};
const size_t option_count = ARRAY_SIZE(option_table);

/* The name behind "no-" when the word may be read as a negation, else NULL. */
static const char *negation(const char *name)
{
	return !strncmp(name, "no-", 3) ? name + 3 : NULL;
}

/* The nearest name, among the booleans alone for a word that begins with "no-". */
static const char *nearest_name(const char *name)
{
	const char *negated = negation(name);
	struct nearest near = { .word = negated ? negated : name };

	for (size_t i = 0; i < option_count; i++)
		if (!negated || option_table[i].arg == ARG_NEGATABLE)
			nearest_offer(&near, option_table[i].name);
	return nearest_result(&near);
}

static int unknown(const char *name, struct err *err)
{
	const char *near = nearest_name(name), *no = negation(name) ? "no-" : "";
	struct nearest whole = { .word = name };

	if (near)
		return err_set(err, ERR_USAGE, 0, "unknown option --%s; the nearest one is --%s%s",
			       name, no, near);
	/* "no-" may be a slip itself, or the beginning of a name. */
	for (size_t i = 0; i < option_count; i++)
		nearest_offer(&whole, option_table[i].name);
	if (nearest_result(&whole))
		return err_set(err, ERR_USAGE, 0, "unknown option --%s; the nearest one is --%s",
			       name, whole.best);
	return err_set(err, ERR_USAGE, 0, "unknown option --%s", name);
}

struct match {
	const struct option_info *opt;
	bool negated, exact;
	size_t n;	 /* different options that begin so */
	char names[256]; /* of all of them, for the message */
};

static void consider(struct match *m, const struct option_info *opt, const char *word, bool negated)
{
	size_t len = strlen(word), used = strlen(m->names);

	if (m->exact || strncmp(opt->name, word, len))
		return;
	if (!opt->name[len]) {
		*m = (struct match){ .opt = opt, .negated = negated, .exact = true, .n = 1 };
		return;
	}
	/* Two names of one option, as --colour and --color, don't contradict each other. */
	if (m->n && opt->set && opt->set == m->opt->set && opt->field == m->opt->field &&
	    negated == m->negated)
		return;
	snprintf(m->names + used, sizeof(m->names) - used, "%s--%s%s", used ? ", " : "",
		 negated ? "no-" : "", opt->name);
	m->opt = opt;
	m->negated = negated;
	m->n++;
}

const struct option_info *option_find(const char *name, bool *ret_negated, struct err *err)
{
	struct match m = { 0 };

	for (size_t i = 0; i < option_count && *name; i++) {
		consider(&m, &option_table[i], name, false);
		if (option_table[i].arg != ARG_NEGATABLE)
			continue;
		if (negation(name))
			consider(&m, &option_table[i], negation(name), true);
	}
	if (!m.n) {
		unknown(name, err);
		return NULL;
	}
	if (m.n > 1) {
		err_set(err, ERR_USAGE, 0, "--%s is ambiguous: it may be %s", name, m.names);
		return NULL;
	}
	*ret_negated = m.negated;
	return m.opt;
}

const struct option_info *option_find_letter(char letter)
{
	for (size_t i = 0; i < option_count; i++)
		if (option_table[i].letter == letter)
			return &option_table[i];
	return NULL;
}

const char *option_section_title(enum option_section section)
{
	static const char *const titles[SECTION_COUNT] = {
		[SECTION_GENERIC] = "General options", [SECTION_DUMP] = "Dump options",
		[SECTION_RESTORE] = "Restore options", [SECTION_BOTH] = "Dump and restore options",
		[SECTION_CHECK] = "Check options",     [SECTION_SHOW] = "Show options",
		[SECTION_SERVER] = "Server options",
	};

	return titles[section];
}

const char *option_label(struct options *o, const struct setting *s)
{
	return arena_printf(&o->arena, "%s%s--%s%s", s->where ? s->where : "", s->where ? ": " : "",
			    s->negated ? "no-" : "", s->opt->name);
}
