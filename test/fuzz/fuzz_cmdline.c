/* SPDX-License-Identifier: Apache-2.0 */
/* A command line, its words apart by newlines: parsed, applied, checked; that of exec down to the
 * calls. Whatever is refused comes with a sentence. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "front/cli/exec.h"
#include "front/cli/parse.h"

#define WORDS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int split(char *text, char **argv)
{
	int argc = 0;

	argv[argc++] = "crtools";
	for (char *word = strtok(text, "\n"); word && argc < WORDS; word = strtok(NULL, "\n"))
		argv[argc++] = word;
	argv[argc] = NULL;
	return argc;
}

static int read_line(struct options *o, char *text, struct err *err)
{
	struct settings list = { 0 };
	struct str_list notes = { 0 };
	char *argv[WORDS + 1];
	int ret = parse_argv(split(text, argv), argv, o, &list, err);

	if (ret == 0 && o->verb != VERB_NONE)
		ret = settings_apply(o, &list, &notes, err);
	if (ret == 0 && o->verb != VERB_NONE)
		ret = options_check(o, err);
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct exec calls = { 0 };
	struct options o;
	struct err err = { 0 };
	char *text;
	int ret;

	options_init(&o);
	text = arena_alloc(&o.arena, size + 1);
	memcpy(text, data, size);
	text[size] = '\0';
	ret = read_line(&o, text, &err);
	if (ret == 0 && o.verb == VERB_EXEC)
		ret = exec_parse(&o.args, &o.arena, &calls, &err);
	if (ret && (!err_is_set(&err) || !err.text[0]))
		abort();
	options_free(&o);
	return 0;
}
