/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a run, told once: the error with its remedy, or one JSON object. */
#ifndef FRONT_CLI_RESULT_H
#define FRONT_CLI_RESULT_H

#include <stdio.h>

#include "base/json.h"
#include "front/cli/cli.h"

/* own_output: the verb prints its results itself, in JSON too; only an error is added. */
void result_print(const struct run *run, int status, bool own_output);
/* A member "error" of the open object. */
void result_json_error(struct json *j, const struct err *err);
/* Members "refusals" and "warnings"; or the same as text, warnings first. */
void result_json_report(struct json *j, const struct report *report);
void result_print_report(FILE *out, const struct report *report, bool colour);

#endif
