/* SPDX-License-Identifier: Apache-2.0 */
/* crtools clean: what was taken back, a line each, and what could not be. */
#include <stdio.h>

#include "base/json.h"
#include "engine/clean.h"
#include "front/cli/cli.h"

static void print_json(const struct clean_result *result, int status)
{
	struct json j;

	json_begin(&j, stdout, 2);
	json_object(&j, NULL);
	json_bool(&j, "ok", !status);
	json_int(&j, "journals", result->journals);
	json_int(&j, "running", result->live);
	json_array(&j, "items");
	for (size_t i = 0; i < result->n; i++) {
		json_object(&j, NULL);
		json_int(&j, "owner", result->items[i].owner);
		json_bool(&j, "done", result->items[i].done);
		json_string(&j, "text", result->items[i].what);
		json_object_end(&j);
	}
	json_array_end(&j);
	json_object_end(&j);
	json_end(&j);
}

int verb_clean(struct run *run)
{
	struct clean_result result;
	int status = engine_clean(&run->s, &result) ? 1 : 0;

	if (run->opts->json) {
		print_json(&result, status);
		return status;
	}
	for (size_t i = 0; i < result.n; i++)
		printf("%s %s (left by crtools %d)\n", result.items[i].done ? "-" : "!",
		       result.items[i].what, result.items[i].owner);
	if (!result.n)
		printf("There is nothing to take back.\n");
	if (result.live)
		printf("%zu run%s of crtools go%s on and %s left alone.\n", result.live,
		       result.live == 1 ? "" : "s", result.live == 1 ? "es" : "",
		       result.live == 1 ? "was" : "were");
	return status;
}
