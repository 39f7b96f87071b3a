/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `crtools check`: what this kernel and these privileges can do (kernel/probe/features.h).
 *
 * On stdout stands the verdict alone, as CRIU writes it ("Looks good.", "NAME is supported"), or
 * one JSON object; what is missing, what is lost and what would bring it goes to the log. With
 * all, a table of everything stands before the verdict, instead of what goes to the log.
 */
#ifndef FRONT_CLI_VERB_CHECK_H
#define FRONT_CLI_VERB_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "kernel/probe/features.h"

struct check_args {
	const char *const *features; /* --feature NAME …: only these */
	size_t n_features;
	bool extra, experimental, all; /* more than the required ones */
	bool json;
	FILE *out;		/* NULL: stdout */
	struct features *known; /* answers that the session has; NULL: none */
};

/* The exit status: 0 all is there, 1 something is missing or a name is unknown. */
int verb_check(const struct check_args *args);

#endif
