/* SPDX-License-Identifier: Apache-2.0 */
/* See symbols.h. */
#include "agent/symbols.h"

#if defined(__x86_64__)
#include <asm/prctl.h>
#endif
#include <fcntl.h>
#include <inttypes.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/nearest.h"

/* Newer than the headers of the oldest machine that builds. */
#ifndef PR_SET_MDWE /* Linux 6.3 */
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#endif
#ifndef PR_SET_MEMORY_MERGE /* 6.4 */
#define PR_SET_MEMORY_MERGE 67
#define PR_GET_MEMORY_MERGE 68
#endif
#ifndef PR_TIMER_CREATE_RESTORE_IDS /* 6.15 */
#define PR_TIMER_CREATE_RESTORE_IDS 77
#endif
#ifndef MADV_COLLAPSE /* 6.1 */
#define MADV_COLLAPSE 25
#endif

static const struct symbol {
	enum symbol_set set;
	char name[36]; /* no pointer, as in syscalls.h */
	uint64_t value;
} symbols[] = {
#define SYM(set, name) { SYMBOLS_##set, #name, (uint64_t)(name) },
#include "agent/symbols.def"
#undef SYM
};

static void print_flags(FILE *out, enum symbol_set set, uint64_t value)
{
	const char *bar = "";

	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++) {
		const struct symbol *s = &symbols[i];

		if (s->set != set || (value & s->value) != s->value)
			continue;
		if (!s->value && (value & O_ACCMODE)) /* O_RDONLY is no bit */
			continue;
		fprintf(out, "%s%s", bar, s->name);
		bar = "|";
		value &= ~s->value;
	}
	if (value || !*bar)
		fprintf(out, value > 9 ? "%s0x%" PRIx64 : "%s%" PRIx64, bar, value);
}

static void print_value(FILE *out, enum symbol_set set, uint64_t value)
{
	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++)
		if (symbols[i].set == set && (uint32_t)symbols[i].value == (uint32_t)value) {
			fprintf(out, "%s", symbols[i].name);
			return;
		}
	fprintf(out, "%" PRId32, (int32_t)value);
}

void symbols_print(FILE *out, enum symbol_set set, uint64_t value)
{
	if (set == SYMBOLS_PROT && !value)
		fprintf(out, "PROT_NONE");
	else if (set < SYMBOLS_FIRST_VALUE)
		print_flags(out, set, value);
	else
		print_value(out, set, value);
}

bool symbol_value(const char *name, uint64_t *ret)
{
	if (!strcmp(name, "PROT_NONE") || !strcmp(name, "NULL")) {
		*ret = 0;
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++)
		if (!strcmp(symbols[i].name, name)) {
			*ret = symbols[i].value;
			return true;
		}
	return false;
}

const char *symbol_nearest(const char *name)
{
	struct nearest near = { .word = name };

	for (size_t i = 0; i < ARRAY_SIZE(symbols); i++)
		nearest_offer(&near, symbols[i].name);
	return nearest_result(&near);
}
