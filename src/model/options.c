/* SPDX-License-Identifier: Apache-2.0 */
/* See options.h. */
#include "model/options.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"

void options_init(struct options *o)
{
	*o = (struct options){
		.images_dir = ".",
		.verbosity = LOG_WARN,
		.timeout = TIMEOUT_DEFAULT,
		.ghost_limit = GHOST_LIMIT_DEFAULT,
		.cpu_cap = CPU_CAP_FPU | CPU_CAP_INS,
		.network_lock = LOCK_NFTABLES,
	};
}

void options_free(struct options *o)
{
	arena_free(&o->arena);
}

void str_list_add(struct str_list *list, struct arena *arena, const char *item)
{
	arena_push(arena, list->items, list->n, arena_strdup(arena, item));
}

void str_list_end(struct str_list *list, struct arena *arena)
{
	arena_push(arena, list->items, list->n, NULL);
	list->n--;
}

/* "TYPE[ID]:VALUE": an id may hold colons (a path), hence the bracket is looked for. */
const char *options_external(const struct options *o, const char *key)
{
	size_t len = strlen(key);

	if (!len || key[len - 1] != ']')
		return NULL;
	for (size_t i = 0; i < o->external.n; i++) {
		const char *item = o->external.items[i];

		if (strncmp(item, key, len))
			continue;
		if (!item[len])
			return "";
		if (item[len] == ':')
			return item + len + 1;
	}
	return NULL;
}

const char *options_inherit_key(const char *item)
{
	const char *name = strstr(item, "]:");

	return !strncmp(item, "fd[", 3) && name ? name + 2 : NULL;
}

int options_inherit_fd(const struct options *o, const char *key)
{
	for (size_t i = 0; i < o->inherit_fd.n; i++) {
		const char *item = o->inherit_fd.items[i], *name = options_inherit_key(item);

		if (name && !strcmp(name, key))
			return atoi(item + 3);
	}
	return -1;
}

const char *verb_name(enum verb verb)
{
	static const char *const names[VERB_COUNT] = {
		[VERB_NONE] = "",
		[VERB_DUMP] = "dump",
		[VERB_RESTORE] = "restore",
		[VERB_CHECK] = "check",
		[VERB_SHOW] = "show",
		[VERB_EXEC] = "exec",
		[VERB_CPUINFO] = "cpuinfo",
		[VERB_CLEAN] = "clean",
		[VERB_PRE_DUMP] = "pre-dump",
		[VERB_LAZY_PAGES] = "lazy-pages",
		[VERB_PAGE_SERVER] = "page-server",
		[VERB_SERVICE] = "service",
		[VERB_SWRK] = "swrk",
		[VERB_DEDUP] = "dedup",
	};

	return verb < VERB_COUNT ? names[verb] : "";
}
