/* SPDX-License-Identifier: Apache-2.0 */
/* Settings to options: refusals, effects, contradictions. See parse.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "front/cli/parse.h"

/* CRIU takes each of its options with each of its verbs; ours are more particular, and so are the
 * verbs that CRIU does not have. In a configuration file, which is for all verbs, nothing is wrong.
 */
static bool is_misplaced(const struct options *o, const struct setting *s)
{
	if (s->where || s->opt->verbs & (1u << o->verb))
		return false;
	return s->opt->origin == ORIGIN_OWN || !(V_CRIU & (1u << o->verb));
}

static int apply_one(struct options *o, const struct setting *s, struct str_list *notes,
		     struct err *err)
{
	const struct option_info *opt = s->opt;
	bool effective = opt->verbs & (1u << o->verb);

	if (is_misplaced(o, s))
		return err_set(err, ERR_USAGE, 0, "%s makes no sense with %s; it is for %s",
			       option_label(o, s), verb_name(o->verb),
			       verbs_text(&o->arena, opt->verbs));
	if (effective && opt->later && !s->negated)
		return err_set(err, ERR_LATER, 0, "%s: %s", option_label(o, s), opt->later);
	if (!effective && !s->where)
		str_list_add(notes, &o->arena,
			     arena_printf(&o->arena, "%s has no effect with %s", option_label(o, s),
					  verb_name(o->verb)));
	return opt->set ? opt->set(o, s, err) : 0;
}

int settings_apply(struct options *o, const struct settings *list, struct str_list *notes,
		   struct err *err)
{
	for (size_t i = 0; i < list->n; i++) {
		int ret = apply_one(o, &list->items[i], notes, err);

		if (ret)
			return ret;
	}
	return 0;
}

/* A pattern of options that must not occur: the sentence says which. */
static const char *contradiction(const struct options *o)
{
	bool restore = o->verb == VERB_RESTORE;

	if (restore && o->sibling && !o->detached)
		return "--restore-sibling needs --restore-detached";
	if (!restore && o->mntns_compat)
		return "--mntns-compat-mode is for restore only";
	if (!restore && o->inherit_fd.n)
		return "--inherit-fd is for restore only";
	if (!restore && o->exec_cmd)
		return "--exec-cmd is for restore only";
	if (o->exec_cmd && o->detached)
		return "--exec-cmd and --restore-detached exclude each other";
	if (o->exec_cmd && !o->args.n)
		return "--exec-cmd needs a command: restore --exec-cmd -- COMMAND";
	if (o->show_file && o->pid)
		return "show prints one image (-f) or one task (-t), not both";
	if (restore && (o->manage_cgroups == CGROUPS_PROPS || o->manage_cgroups == CGROUPS_FULL ||
			o->manage_cgroups == CGROUPS_STRICT))
		return "--manage-cgroups: properties of cgroups can't be restored by this version";
	return NULL;
}

int options_check(struct options *o, struct err *err)
{
	const struct verb_info *verb = verb_info(o->verb);
	const char *why;

	if (verb->later)
		return err_set(err, ERR_LATER, 0, "%s %s", verb_name(o->verb), verb->later);
	if (verb->needs_pid && !o->pid)
		return err_set(err, ERR_USAGE, 0, "%s needs a process: -t PID", verb_name(o->verb));
	why = contradiction(o);
	if (why)
		return err_set(err, strstr(why, "by this version") ? ERR_LATER : ERR_USAGE, 0, "%s",
			       why);
	if (o->verb == VERB_SHOW && o->args.n) {
		if (o->show_file)
			return err_set(err, ERR_USAGE, 0, "excessive parameter %s for command show",
				       o->args.items[0]);
		o->show_file = o->args.items[0];
	}
	fault_set(getenv("CRTOOLS_FAULT"));
	return 0;
}
