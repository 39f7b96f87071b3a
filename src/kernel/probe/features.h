/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this kernel and these privileges can do. A feature is probed when it is first asked for, by
 * trying it with no effect that stays; the answer is kept in struct features and, when a cache file
 * is given, there too, for the next run on the same kernel with the same binary and privileges.
 */
#ifndef KERNEL_FEATURES_H
#define KERNEL_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum feature {
#define FEATURE(id, name, whose, class, lost, brings) FEATURE_##id,
#include "kernel/probe/features.def"
#undef FEATURE
	FEATURE_COUNT
};

enum feature_class {
	FEATURE_CLASS_REQUIRED,
	FEATURE_CLASS_EXTRA,
	FEATURE_CLASS_EXPERIMENTAL,
	FEATURE_CLASS_NAMED,
	FEATURE_CLASS_PRIVILEGE,
};

enum feature_state { FEATURE_UNKNOWN, FEATURE_MISSING, FEATURE_PRESENT };

/* One a session. Zeroed: nothing known, no cache file. */
struct features {
	uint8_t state[FEATURE_COUNT]; /* enum feature_state */
	int16_t num[FEATURE_COUNT];   /* the positive errno that the probe met, 0: none */
	bool dirty;		      /* something was probed that the cache file lacks */
	char cache[256];	      /* the cache file, or "" */
};

/* Is it there? Probes at the first call. */
bool feature_has(struct features *f, enum feature which);
/* The same as an error: ERR_KERNEL or ERR_PERMISSION with what is lost and what brings it; 0 when
 * it is there. what: for whom it is needed ("the timers of process 12"), or NULL. */
int feature_need(struct features *f, enum feature which, const char *what, struct err *err);

struct feature_info {
	const char *name; /* as `check --feature` takes it */
	bool ours;	  /* CRIU does not know the name */
	enum feature_class class;
	const char *lost, *brings;
};
const struct feature_info *feature_info(enum feature which);
/* FEATURE_COUNT: there is no such name. */
enum feature feature_by_name(const char *name);

/* Loads what an earlier run found. A file that is missing, damaged, not ours (owner, mode) or of
 * another kernel, boot, binary or set of privileges counts as empty; that is no error. */
void features_load(struct features *f, const char *path);
/* Writes the file anew (a temporary name, then rename) when something was probed. Failing is no
 * error: the next run probes again. */
void features_save(struct features *f);

#endif
