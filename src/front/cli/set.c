/* SPDX-License-Identifier: Apache-2.0 */
/* See set.h. */
#include "front/cli/set.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/human.h"
#include "base/log.h"

#define FIELD(o, s, type) ((type *)((char *)(o) + (s)->opt->field))

static int bad(struct options *o, const struct setting *s, struct err *err, const char *wanted)
{
	return err_set(err, ERR_USAGE, 0, "%s %s: %s", option_label(o, s), s->value ? s->value : "",
		       wanted);
}

static int parse_int(struct options *o, const struct setting *s, int64_t min, int64_t max,
		     const char *wanted, int64_t *ret, struct err *err)
{
	return human_parse_int(s->value, min, max, ret) ? bad(o, s, err, wanted) : 0;
}

int set_bool(struct options *o, const struct setting *s, struct err *err)
{
	(void)err;
	*FIELD(o, s, bool) = !s->negated;
	return 0;
}

int set_string(struct options *o, const struct setting *s, struct err *err)
{
	if (!*s->value)
		return bad(o, s, err, "an empty value makes no sense here");
	*FIELD(o, s, const char *) = arena_strdup(&o->arena, s->value);
	return 0;
}

int set_list(struct options *o, const struct setting *s, struct err *err)
{
	if (!*s->value)
		return bad(o, s, err, "an empty value makes no sense here");
	str_list_add(FIELD(o, s, struct str_list), &o->arena, s->value);
	return 0;
}

/* Scripts are called in the work directory. Who names one by a path means it from where he stands;
 * one that is not there may be below the work directory, as CRIU has it. */
int set_script(struct options *o, const struct setting *s, struct err *err)
{
	char path[PATH_MAX];
	struct setting absolute = *s;

	if (strchr(s->value, '/') && realpath(s->value, path))
		absolute.value = path;
	return set_list(o, &absolute, err);
}

/* The place of word in "a|b|c", -1 when it is not there. */
static int choice_index(const char *choices, const char *word)
{
	size_t len = strlen(word);
	int i = 0;

	for (const char *c = choices; c; i++) {
		const char *end = strchrnul(c, '|');

		if ((size_t)(end - c) == len && !strncmp(c, word, len))
			return i;
		c = *end ? end + 1 : NULL;
	}
	return -1;
}

static int bad_choice(struct options *o, const struct setting *s, struct err *err)
{
	return err_set(err, ERR_USAGE, 0, "%s %s: it must be one of %s", option_label(o, s),
		       s->value, s->opt->arg_name);
}

int check_choice(struct options *o, const struct setting *s, struct err *err)
{
	return choice_index(s->opt->arg_name, s->value) < 0 ? bad_choice(o, s, err) : 0;
}

/* For enums whose values are numbered in the order in which arg_name tells them. */
int set_choice(struct options *o, const struct setting *s, struct err *err)
{
	int i = choice_index(s->opt->arg_name, s->value);

	if (i < 0)
		return bad_choice(o, s, err);
	*FIELD(o, s, unsigned int) = i;
	return 0;
}

int set_seconds(struct options *o, const struct setting *s, struct err *err)
{
	int64_t number;
	int ret = parse_int(o, s, 0, INT_MAX / 1000, "a number of seconds is needed", &number, err);

	if (!ret)
		*FIELD(o, s, unsigned int) = number;
	return ret;
}

/* The one of freezing, and, as it was asked for, of scripts. */
int set_timeout(struct options *o, const struct setting *s, struct err *err)
{
	int ret = set_seconds(o, s, err);

	if (!ret)
		o->script_timeout = o->timeout;
	return ret;
}

int set_size(struct options *o, const struct setting *s, struct err *err)
{
	if (human_parse_size(s->value, FIELD(o, s, uint64_t)))
		return bad(o, s, err, "a number of bytes is needed, or with K, M or G");
	return 0;
}

int set_pid(struct options *o, const struct setting *s, struct err *err)
{
	int64_t number;
	int ret = parse_int(o, s, 1, INT_MAX, "a process id is needed", &number, err);

	if (!ret)
		*FIELD(o, s, pid_t) = number;
	return ret;
}

/* -s and -R exclude each other; the one that is given last holds. */
int set_final_state(struct options *o, const struct setting *s, struct err *err)
{
	(void)err;
	o->leave_stopped = o->leave_running = false;
	*FIELD(o, s, bool) = true;
	return 0;
}

/* -vv arrives as two settings without a value: each adds one. */
int set_verbosity(struct options *o, const struct setting *s, struct err *err)
{
	int64_t number;
	int ret;

	if (!s->value) {
		o->verbosity++;
		return 0;
	}
	if (*s->value && strspn(s->value, "v") == strlen(s->value)) {
		o->verbosity += (int)strlen(s->value);
		return 0;
	}
	ret = parse_int(o, s, 0, INT_MAX, "a level from 0 to 4 is needed", &number, err);
	if (!ret)
		o->verbosity = number > LOG_DEBUG ? LOG_DEBUG : (int)number;
	return ret;
}

int check_fd(struct options *o, const struct setting *s, struct err *err)
{
	int64_t number;

	return parse_int(o, s, 0, INT_MAX, "a descriptor's number is needed", &number, err);
}

int set_fd(struct options *o, const struct setting *s, struct err *err)
{
	int ret = check_fd(o, s, err);

	if (!ret)
		str_list_add(FIELD(o, s, struct str_list), &o->arena, s->value);
	return ret;
}

int check_port(struct options *o, const struct setting *s, struct err *err)
{
	int64_t number;

	return parse_int(o, s, 1, 65535, "a port from 1 to 65535 is needed", &number, err);
}

static int cpu_cap_bits(const char *item, size_t len)
{
	static const struct {
		const char *name;
		unsigned int bits;
	} items[] = {
		{ "fpu", CPU_CAP_FPU }, { "cpu", CPU_CAP_CPU },
		{ "ins", CPU_CAP_INS }, { "all", CPU_CAP_FPU | CPU_CAP_CPU | CPU_CAP_INS },
		{ "none", 0 },
	};

	for (size_t i = 0; i < sizeof(items) / sizeof(*items); i++)
		if (strlen(items[i].name) == len && !strncmp(items[i].name, item, len))
			return (int)items[i].bits;
	return -1;
}

/* A list starts from nothing: "fpu", "all,^cpu"; "none" takes away what stood before it. Any
 * result but nothing makes a dump write cpuinfo.img. */
int set_cpu_cap(struct options *o, const struct setting *s, struct err *err)
{
	const char *item = s->value ? s->value : "all";
	unsigned int bits = 0;

	while (item) {
		const char *end = strchrnul(item, ',');
		bool remove = *item == '^';
		int add = cpu_cap_bits(item + remove, end - item - remove);

		if (add < 0)
			return bad(o, s, err, "items are fpu, cpu, ins, all and none, with commas");
		if (remove)
			bits &= ~(unsigned int)add;
		else
			bits = add ? bits | (unsigned int)add : 0;
		item = *end ? end + 1 : NULL;
	}
	o->cpu_cap = bits ? bits | CPU_CAP_IMAGE : 0;
	return 0;
}

int set_manage_cgroups(struct options *o, const struct setting *s, struct err *err)
{
	static const enum manage_cgroups modes[] = { CGROUPS_IGNORE, CGROUPS_NONE, CGROUPS_PROPS,
						     CGROUPS_SOFT,   CGROUPS_FULL, CGROUPS_STRICT,
						     CGROUPS_SOFT };
	int i = s->value ? choice_index(s->opt->arg_name, s->value) : 3;

	if (i < 0)
		return bad_choice(o, s, err);
	o->manage_cgroups = modes[i];
	return 0;
}

int set_external(struct options *o, const struct setting *s, struct err *err)
{
	static const char types[] = "mnt|dev|file|tty|unix|net|pid|veth|macvlan|netdev";
	size_t len = strcspn(s->value, "[");
	char type[16];

	snprintf(type, sizeof(type), "%.*s", (int)len, s->value);
	if (len >= sizeof(type) || choice_index(types, type) < 0 || !strchr(s->value + len, ']'))
		return err_set(err, ERR_USAGE, 0,
			       "%s %s: TYPE[ID]:VALUE is needed, TYPE is one of %s",
			       option_label(o, s), s->value, types);
	str_list_add(&o->external, &o->arena, s->value);
	return 0;
}

int set_inherit_fd(struct options *o, const struct setting *s, struct err *err)
{
	int number, end = 0;

	if (sscanf(s->value, "fd[%9d]:%n", &number, &end) != 1 &&
	    sscanf(s->value, "debug[%9d]:%n", &number, &end) != 1)
		end = 0;
	if (!end || number < 0 || !s->value[end])
		return bad(o, s, err, "fd[NUMBER]:KEY is needed");
	str_list_add(&o->inherit_fd, &o->arena, s->value);
	return 0;
}

int set_unix_sk(struct options *o, const struct setting *s, struct err *err)
{
	if (s->value && (!*s->value || strspn(s->value, "0123456789,") != strlen(s->value)))
		return bad(o, s, err, "inode numbers are needed, with commas");
	o->ext_unix_sk = !s->negated;
	return 0;
}

int check_mount_map(struct options *o, const struct setting *s, struct err *err)
{
	if (strcmp(s->value, "auto") && (*s->value == ':' || !strchr(s->value, ':')))
		return bad(o, s, err, "KEY:VALUE is needed, or auto");
	return 0;
}
