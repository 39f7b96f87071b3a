/* SPDX-License-Identifier: Apache-2.0 */
/* See verb_check.h. Required features end the check where one is missing; all others are walked. */
#include "front/cli/verb_check.h"

#include <ctype.h>
#include <json.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/log.h"
#include "base/nearest.h"

static const char *const class_names[] = {
	[FEATURE_CLASS_REQUIRED] = "required",	       [FEATURE_CLASS_EXTRA] = "extra",
	[FEATURE_CLASS_EXPERIMENTAL] = "experimental", [FEATURE_CLASS_NAMED] = "other",
	[FEATURE_CLASS_PRIVILEGE] = "privilege",
};

static const char *missing_why(const struct features *f, enum feature which)
{
	return f->num[which] ? strerror(f->num[which]) : "not there";
}

static void log_missing(struct features *f, enum feature which)
{
	const struct feature_info *info = feature_info(which);

	log_warn("%s is missing (%s). Without it: %s. It takes %s.", info->name,
		 missing_why(f, which), info->lost, info->brings);
}

static struct json_object *feature_json(struct features *f, enum feature which)
{
	const struct feature_info *info = feature_info(which);
	struct json_object *o = json_object_new_object();
	bool has = feature_has(f, which);

	json_object_object_add(o, "name", json_object_new_string(info->name));
	json_object_object_add(o, "category", json_object_new_string(class_names[info->class]));
	json_object_object_add(o, "supported", json_object_new_boolean(has));
	if (!has) {
		json_object_object_add(o, "errno", json_object_new_int(f->num[which]));
		json_object_object_add(o, "reason",
				       json_object_new_string(strerror(f->num[which])));
		json_object_object_add(o, "lost", json_object_new_string(info->lost));
		json_object_object_add(o, "needs", json_object_new_string(info->brings));
	}
	return o;
}

static struct json_object *report_json(const char *verdict, struct json_object *list)
{
	struct json_object *o = json_object_new_object();
	struct utsname uts;

	if (verdict)
		json_object_object_add(o, "verdict", json_object_new_string(verdict));
	if (!uname(&uts)) {
		json_object_object_add(o, "kernel", json_object_new_string(uts.release));
		json_object_object_add(o, "machine", json_object_new_string(uts.machine));
	}
	json_object_object_add(o, "features", list);
	return o;
}

static void print_json(struct json_object *o, FILE *out)
{
	fprintf(out, "%s\n", json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY));
	json_object_put(o);
}

/* --all: every feature and privilege, there or not, in the order of what needs them. */
static void print_table(struct features *f, FILE *out)
{
	for (enum feature_class class = 0; class <= FEATURE_CLASS_PRIVILEGE; class ++)
		for (enum feature i = 0; i < FEATURE_COUNT; i++) {
			const struct feature_info *info = feature_info(i);

			if (info->class != class)
				continue;
			fprintf(out, "%-12s  %-26s %s\n", class_names[class], info->name,
				feature_has(f, i) ? "yes" : "no");
			if (feature_has(f, i))
				continue;
			fprintf(out, "%14swithout it: %s\n", "", info->lost);
			fprintf(out, "%14sit takes: %s (%s)\n", "", info->brings,
				missing_why(f, i));
		}
}

static void log_unknown(const char *name)
{
	struct nearest near = { .word = name };
	const char *found;

	for (enum feature i = 0; i < FEATURE_COUNT; i++)
		nearest_offer(&near, feature_info(i)->name);
	found = nearest_result(&near);
	log_error("There is no feature called %s%s%s; crtools check --all lists all.", name,
		  found ? "; the nearest one is " : "", found ? found : "");
}

/* --feature NAME, one after the other. */
static int check_named(const struct check_args *args, struct features *f, FILE *out)
{
	struct json_object *list = args->json ? json_object_new_array() : NULL;
	int status = 0;

	for (size_t i = 0; i < args->n_features; i++) {
		enum feature which = feature_by_name(args->features[i]);
		bool has;

		if (which == FEATURE_COUNT) {
			log_unknown(args->features[i]);
			status = 1;
			continue;
		}
		has = feature_has(f, which);
		if (args->json)
			json_object_array_add(list, feature_json(f, which));
		else if (has)
			fprintf(out, "%s is supported\n", args->features[i]);
		if (!has) {
			log_missing(f, which);
			log_error("%s is not supported", args->features[i]);
			status = 1;
		}
	}
	if (args->json)
		print_json(report_json(status ? "missing" : "good", list), out);
	return status;
}

static bool wanted(const struct check_args *args, enum feature_class class)
{
	switch (class) {
	case FEATURE_CLASS_REQUIRED:
		return true;
	case FEATURE_CLASS_EXTRA:
		return args->extra || args->all;
	case FEATURE_CLASS_EXPERIMENTAL:
		return args->experimental || args->all;
	case FEATURE_CLASS_NAMED:
	case FEATURE_CLASS_PRIVILEGE:
		break;
	}
	return false;
}

/* How many features of a class are missing; stop at the first one if told so. tell: each in the
 * log, which the table of --all makes needless. */
static size_t count_missing(struct features *f, enum feature_class class, bool stop, bool tell)
{
	size_t missing = 0;

	for (enum feature i = 0; i < FEATURE_COUNT; i++) {
		if (feature_info(i)->class != class || feature_has(f, i))
			continue;
		if (tell)
			log_missing(f, i);
		missing++;
		if (stop)
			break;
	}
	return missing;
}

/* What the kernel could do, but not for these privileges: who is no ordinary root is told. */
static const struct {
	enum feature privilege;
	const char *lost;
} limits[] = {
	{ FEATURE_INIT_USERNS,
	  "inside of a user namespace: a process with a mapped file that neither a name nor a "
	  "descriptor leads to can't be dumped" },
	{ FEATURE_CAP_CHECKPOINT_RESTORE,
	  "without CAP_CHECKPOINT_RESTORE: no process can be restored, nor dumped with a mapped "
	  "file that neither a name nor a descriptor leads to" },
	{ FEATURE_CAP_SYS_PTRACE, "without CAP_SYS_PTRACE: only processes of this user, with no "
				  "privileges that crtools has not, can be dumped" },
	{ FEATURE_PTRACE_SCOPE,
	  "with kernel.yama.ptrace_scope above 0: attaching to a process that "
	  "is no descendant takes CAP_SYS_PTRACE" },
	{ FEATURE_CAP_SYS_ADMIN, "without CAP_SYS_ADMIN: namespaces, mounts, seccomp filters and "
				 "unread terminal data can't be kept" },
	{ FEATURE_CAP_NET_ADMIN,
	  "without CAP_NET_ADMIN: TCP connections and network devices can't be kept" },
	{ FEATURE_CAP_SETUID, "without CAP_SETUID: only tasks of this user can be restored" },
};

static void print_limits(struct features *f, FILE *out)
{
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (!feature_has(f, limits[i].privilege) &&
		    (limits[i].privilege != FEATURE_PTRACE_SCOPE ||
		     !feature_has(f, FEATURE_CAP_SYS_PTRACE)))
			fprintf(out, "%c%s.\n", toupper(limits[i].lost[0]), limits[i].lost + 1);
}

int verb_check(const struct check_args *args)
{
	struct features own = { 0 }, *f = args->known ? args->known : &own;
	FILE *out = args->out ? args->out : stdout;
	bool whole = args->all || args->json, table = args->all && !args->json;
	size_t required, others = 0;
	struct json_object *list;

	if (args->n_features)
		return check_named(args, f, out);
	if (table)
		print_table(f, out);
	else if (!args->json)
		print_limits(f, out);
	required = count_missing(f, FEATURE_CLASS_REQUIRED, !whole, !table);
	if (!required || whole)
		for (enum feature_class c = FEATURE_CLASS_EXTRA; c <= FEATURE_CLASS_EXPERIMENTAL;
		     c++)
			others += wanted(args, c) ? count_missing(f, c, false, !table) : 0;
	if (args->json) {
		list = json_object_new_array();
		for (enum feature i = 0; i < FEATURE_COUNT; i++)
			if (args->all || wanted(args, feature_info(i)->class))
				json_object_array_add(list, feature_json(f, i));
		print_json(report_json(required ? "bad" : others ? "missing" : "good", list), out);
	} else if (required) {
		log_error("Does not look good.");
	} else if (others) {
		fprintf(out,
			"Looks good but %zu of the extra%s features %s missing; what needs "
			"%s can't be dumped or restored.\n",
			others, wanted(args, FEATURE_CLASS_EXPERIMENTAL) ? " and experimental" : "",
			others == 1 ? "is" : "are", others == 1 ? "it" : "them");
	} else {
		fprintf(out, "Looks good.\n");
	}
	return required || others ? 1 : 0;
}
