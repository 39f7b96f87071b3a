/* SPDX-License-Identifier: Apache-2.0 */
/* What --help, --version and a usage error print; all of it from the tables. */
#ifndef FRONT_CLI_HELP_H
#define FRONT_CLI_HELP_H

#include <stdio.h>

#include "front/cli/option.h"

/* The CRIU that images, options and RPC are compatible with. */
#define CRIU_VERSION "4.2"

void help_overview(FILE *out);
void help_verb(FILE *out, enum verb verb);
void help_version(FILE *out);

/* For those who write help in other forms: length of the first sentence of a help text. */
size_t help_first_sentence(const char *help);

#endif
