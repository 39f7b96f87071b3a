/* SPDX-License-Identifier: Apache-2.0 */
/* The table of features and the answers so far. */
#include "kernel/probe/features.h"

#include <stdio.h>
#include <string.h>

#include "kernel/probe/probe.h"

enum { FEATURE_CRIU, FEATURE_OURS };

static const struct feature_info infos[FEATURE_COUNT] = {
#define FEATURE(id, name_, whose, class_, lost_, brings_)                                          \
	[FEATURE_##id] = { .name = name_,                                                          \
			   .ours = FEATURE_##whose,                                                \
			   .class = FEATURE_CLASS_##class_,                                        \
			   .lost = lost_,                                                          \
			   .brings = brings_ },
#include "kernel/probe/features.def"
#undef FEATURE
};

static int (*const probes[FEATURE_COUNT])(void) = {
#define FEATURE(id, name, whose, class, lost, brings) [FEATURE_##id] = probe_##id,
#include "kernel/probe/features.def"
#undef FEATURE
};

bool feature_has(struct features *f, enum feature which)
{
	if (f->state[which] == FEATURE_UNKNOWN) {
		int num = probes[which]();

		f->state[which] = num ? FEATURE_MISSING : FEATURE_PRESENT;
		f->num[which] = num;
		f->dirty = true;
	}
	return f->state[which] == FEATURE_PRESENT;
}

int feature_need(struct features *f, enum feature which, const char *what, struct err *err)
{
	const struct feature_info *info = &infos[which];
	int num;

	if (feature_has(f, which))
		return 0;
	num = f->num[which];
	return err_set(err, num == EPERM || num == EACCES ? ERR_PERMISSION : ERR_KERNEL, num,
		       "%s%sneeds the feature %s (%s), which is missing; it takes %s",
		       what ? what : "", what ? " " : "", info->name, info->lost, info->brings);
}

const struct feature_info *feature_info(enum feature which)
{
	return &infos[which];
}

enum feature feature_by_name(const char *name)
{
	int i;

	for (i = 0; i < FEATURE_COUNT; i++)
		if (!strcmp(infos[i].name, name))
			break;
	return i;
}
