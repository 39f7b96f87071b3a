/* SPDX-License-Identifier: Apache-2.0 */
/* The command line, see parse.h. */
#include "front/cli/parse.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

struct parser {
	int argc, next; /* next: the word after the one in work */
	char **argv;
	struct options *o;
	struct settings *list;
	struct err *err;
	bool have_cpuinfo_word;
	bool literal; /* all that follows is no option */
};

static void add(struct parser *p, const struct option_info *opt, const char *value, bool negated)
{
	struct setting s = { .opt = opt, .value = value, .negated = negated };

	arena_push(&p->o->arena, p->list->items, p->list->n, s);
}

static int take_value(struct parser *p, const struct option_info *opt, const char **ret)
{
	if (p->next >= p->argc)
		return err_set(p->err, ERR_USAGE, 0, "--%s needs a value: %s", opt->name,
			       opt->arg_name);
	*ret = p->argv[p->next++];
	return 0;
}

/* "name", "name=value", "no-name": what stands behind "--". */
static int long_option(struct parser *p, const char *word)
{
	const char *equals = strchr(word, '='), *value = equals ? equals + 1 : NULL;
	char *name = arena_strdup(&p->o->arena, word);
	const struct option_info *opt;
	bool negated;

	name[equals ? equals - word : (long)strlen(word)] = '\0';
	opt = option_find(name, &negated, p->err);
	if (!opt)
		return -EINVAL;
	if (value && (opt->arg == ARG_NONE || opt->arg == ARG_NEGATABLE))
		return err_set(p->err, ERR_USAGE, 0, "--%s takes no value", name);
	if (!value && opt->arg == ARG_REQUIRED) {
		int ret = take_value(p, opt, &value);

		if (ret)
			return ret;
	}
	add(p, opt, value, negated);
	return 0;
}

/* Letters in one word, "-vvRt": the last may have a value, in the word or behind it. An optional
 * value is recognised by its first digit: "-v4", "-x1234". */
static int short_options(struct parser *p, const char *letters)
{
	while (*letters) {
		const struct option_info *opt = option_find_letter(*letters);
		const char *rest = letters + 1, *value = NULL;

		if (!opt)
			return err_set(p->err, ERR_USAGE, 0, "unknown option -%c", *letters);
		letters = rest;
		if (opt->arg == ARG_REQUIRED) {
			int ret = 0;

			value = rest;
			if (!*rest)
				ret = take_value(p, opt, &value);
			if (ret)
				return ret;
			letters = "";
		} else if (opt->arg == ARG_OPTIONAL && isdigit((unsigned char)*rest)) {
			size_t len = strspn(rest, "0123456789,");
			char *copy = arena_strdup(&p->o->arena, rest);

			copy[len] = '\0';
			value = copy;
			letters = rest + len;
		}
		add(p, opt, value, false);
	}
	return 0;
}

static int unknown_verb(const char *word, struct err *err)
{
	const char *near = verb_nearest(word);

	if (near)
		return err_set(err, ERR_USAGE, 0, "unknown command %s; the nearest one is %s", word,
			       near);
	return err_set(err, ERR_USAGE, 0, "unknown command %s", word);
}

static int positional(struct parser *p, const char *word)
{
	struct options *o = p->o;

	if (o->verb == VERB_NONE) {
		o->verb = verb_find(word);
		return o->verb == VERB_NONE ? unknown_verb(word, p->err) : 0;
	}
	if (o->verb == VERB_CPUINFO && !p->have_cpuinfo_word) {
		if (strcmp(word, "dump") && strcmp(word, "check"))
			return err_set(p->err, ERR_USAGE, 0,
				       "unknown command cpuinfo %s; it is dump or check", word);
		o->cpuinfo_check = !strcmp(word, "check");
		p->have_cpuinfo_word = true;
		return 0;
	}
	str_list_add(&o->args, &o->arena, word);
	/* exec's arguments belong to the call, "-1" is one of them. */
	if (o->verb == VERB_EXEC)
		p->literal = true;
	return 0;
}

static int check_words(const struct parser *p)
{
	const struct options *o = p->o;
	size_t most = 0;

	if (settings_have(p->list, "help") || settings_have(p->list, "version"))
		return 0;
	if (o->verb == VERB_CPUINFO && !p->have_cpuinfo_word)
		return err_set(p->err, ERR_USAGE, 0, "cpuinfo needs a second word, dump or check");
	if (o->verb == VERB_EXEC && !o->args.n)
		return err_set(p->err, ERR_USAGE, 0, "exec needs the system call's name");
	if (o->verb == VERB_EXEC || settings_have(p->list, "exec-cmd"))
		most = o->args.n;
	else if (o->verb == VERB_SHOW || o->verb == VERB_SWRK)
		most = 1;
	if (o->args.n > most)
		return err_set(p->err, ERR_USAGE, 0, "excessive parameter %s for command %s",
			       o->args.items[most], verb_name(o->verb));
	return 0;
}

int parse_argv(int argc, char **argv, struct options *o, struct settings *ret, struct err *err)
{
	struct parser p = {
		.argc = argc,
		.next = 1,
		.argv = argv,
		.o = o,
		.list = ret,
		.err = err,
	};

	while (p.next < argc) {
		const char *word = argv[p.next++];
		int r;

		if (p.literal || word[0] != '-' || !word[1]) {
			r = positional(&p, word);
		} else if (word[1] != '-') {
			r = short_options(&p, word + 1);
		} else if (word[2]) {
			r = long_option(&p, word + 2);
		} else {
			p.literal = true;
			r = 0;
		}
		if (r)
			return r;
	}
	return check_words(&p);
}

const char *settings_value(const struct settings *list, const char *name)
{
	for (size_t i = list->n; i; i--)
		if (!strcmp(list->items[i - 1].opt->name, name))
			return list->items[i - 1].value;
	return NULL;
}

bool settings_have(const struct settings *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(list->items[i].opt->name, name))
			return true;
	return false;
}
