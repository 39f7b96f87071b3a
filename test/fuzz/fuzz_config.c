/* SPDX-License-Identifier: Apache-2.0 */
/* A configuration file of anybody's, parsed and applied; the error has to name file and line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "front/cli/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings list = { 0 };
	struct str_list notes = { 0 };
	struct options o;
	struct err err = { 0 };
	char *text;

	if (memchr(data, '\0', size)) /* such a file is refused before */
		return 0;
	options_init(&o);
	o.verb = size % 2 ? VERB_DUMP : VERB_RESTORE;
	text = arena_alloc(&o.arena, size + 1);
	memcpy(text, data, size);
	text[size] = '\0';
	if (config_parse(&o, "config", text, &list, &err)) {
		if (!err_is_set(&err) || strncmp(err.text, "config:", 7))
			abort();
	} else if (settings_apply(&o, &list, &notes, &err) == 0) {
		options_check(&o, &err);
	}
	options_free(&o);
	return 0;
}
