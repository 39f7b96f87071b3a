/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration files: one option a line, its long name without dashes, then its value behind
 * blanks or "=". The value may stand in double quotes, with \" for a quote inside; else it ends at
 * a blank or at "#". "#" where a name or a value may begin starts a comment.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "front/cli/parse.h"

struct line {
	const char *where; /* "FILE:LINE" */
	char *p;
	struct err *err;
};

static void skip_blanks(struct line *l)
{
	while (isspace((unsigned char)*l->p))
		l->p++;
}

static bool at_end(const struct line *l)
{
	return !*l->p || *l->p == '#';
}

static int fail(const struct line *l, const char *what)
{
	return err_set(l->err, ERR_USAGE, 0, "%s: %s", l->where, what);
}

/* From the opening quote to behind the closing one; the text is unescaped in place. */
static int quoted_value(struct line *l, const char **ret)
{
	char *out = ++l->p;

	*ret = out;
	while (*l->p != '"') {
		if (l->p[0] == '\\' && l->p[1] == '"')
			l->p++;
		if (!*l->p)
			return fail(l, "the closing quote is missing");
		*out++ = *l->p++;
	}
	l->p++;
	if (*l->p && !isspace((unsigned char)*l->p))
		return fail(l, "text behind the closing quote");
	*out = '\0';
	return 0;
}

static int plain_value(struct line *l, const char **ret)
{
	char *start = l->p, *end;

	while (!at_end(l) && !isspace((unsigned char)*l->p)) {
		if (*l->p == '"')
			return fail(l, "a quote inside a value; put all of the value in quotes");
		l->p++;
	}
	end = l->p;
	skip_blanks(l);
	if (!at_end(l))
		return fail(l, "more than one value; put a value with blanks in quotes");
	*end = '\0';
	*ret = start;
	return 0;
}

/* Fills name and value (NULL: none); name stays NULL on an empty line. */
static int split(struct line *l, char **ret_name, const char **ret_value)
{
	char *name, *name_end;
	int ret;

	*ret_name = NULL;
	*ret_value = NULL;
	skip_blanks(l);
	if (at_end(l))
		return 0;
	name = l->p;
	while (!at_end(l) && !isspace((unsigned char)*l->p) && *l->p != '=')
		l->p++;
	name_end = l->p;
	if (*l->p == '=')
		l->p++;
	else
		skip_blanks(l);
	if (*l->p == '"') {
		ret = quoted_value(l, ret_value);
		if (ret)
			return ret;
		skip_blanks(l);
		if (!at_end(l))
			return fail(l, "text behind the closing quote");
	} else if (!at_end(l)) {
		ret = plain_value(l, ret_value);
		if (ret)
			return ret;
	}
	*name_end = '\0';
	*ret_name = name;
	return 0;
}

static int parse_line(struct options *o, struct line *l, struct settings *list)
{
	struct err inner = { 0 };
	struct setting s = { .where = l->where };
	char *name;
	int ret = split(l, &name, &s.value);

	if (ret || !name)
		return ret;
	if (!strncmp(name, "--", 2))
		return fail(l, "names are written without -- in a configuration file");
	s.opt = option_find(name, &s.negated, &inner);
	if (!s.opt)
		return fail(l, inner.text);
	if (s.value && (s.opt->arg == ARG_NONE || s.opt->arg == ARG_NEGATABLE))
		return err_set(l->err, ERR_USAGE, 0, "%s: %s takes no value", l->where, name);
	if (!s.value && s.opt->arg == ARG_REQUIRED)
		return err_set(l->err, ERR_USAGE, 0, "%s: %s needs a value: %s", l->where, name,
			       s.opt->arg_name);
	arena_push(&o->arena, list->items, list->n, s);
	return 0;
}

int config_parse(struct options *o, const char *name, char *text, struct settings *ret,
		 struct err *err)
{
	for (int number = 1; text; number++) {
		char *next = strchr(text, '\n');
		struct line l = {
			.where = arena_printf(&o->arena, "%s:%d", name, number),
			.p = text,
			.err = err,
		};
		int r;

		if (next)
			*next++ = '\0';
		r = parse_line(o, &l, ret);
		if (r)
			return r;
		text = next;
	}
	return 0;
}

/* A file that can't be read is skipped, as by CRIU. */
static int read_file(struct options *o, const char *path, struct str_list *notes,
		     struct settings *list, struct err *err)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	size_t len;

	if (fd < 0 || read_to_end(fd, &text, &len)) {
		if (notes)
			str_list_add(
				notes, &o->arena,
				arena_printf(&o->arena,
					     "The configuration file %s can't be read (%s), and "
					     "is skipped",
					     path, strerror(errno)));
		return 0;
	}
	if (memchr(text, '\0', len))
		return err_set(err, ERR_USAGE, 0,
			       "%s is no configuration file: it holds a NUL byte", path);
	/* Values point into the text: it has to live as long as the options. */
	return config_parse(o, path, arena_strdup(&o->arena, text), list, err);
}

/* CRIU's files, then our own, which override them. */
static int read_defaults(struct options *o, struct settings *list, struct err *err)
{
	static const char *const names[] = { "criu", "crtools" };
	const char *home = getenv("HOME");
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(names) && !ret; i++) {
		ret = read_file(o, arena_printf(&o->arena, "/etc/%s/default.conf", names[i]), NULL,
				list, err);
		if (!ret && home && *home)
			ret = read_file(
				o, arena_printf(&o->arena, "%s/.%s/default.conf", home, names[i]),
				NULL, list, err);
	}
	return ret;
}

int config_read_all(struct options *o, const struct settings *cl, struct settings *ret,
		    struct str_list *notes, struct err *err)
{
	const char *file = settings_value(cl, "config"), *env = getenv("CRIU_CONFIG_FILE");
	int r = 0;

	if (file)
		r = read_file(o, file, notes, ret, err);
	else if (!settings_have(cl, "no-default-config"))
		r = read_defaults(o, ret, err);
	if (!r && env && *env)
		r = read_file(o, env, NULL, ret, err);
	return r;
}
