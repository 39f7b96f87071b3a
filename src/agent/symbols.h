/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the constants of system calls (symbols.def). */
#ifndef AGENT_SYMBOLS_H
#define AGENT_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum symbol_set {
	SYMBOLS_NONE,
	/* Flags: any number of them, or-ed. */
	SYMBOLS_PROT,
	SYMBOLS_MAP,
	SYMBOLS_MREMAP,
	SYMBOLS_OPEN,
	SYMBOLS_AT,
	SYMBOLS_FIRST_VALUE,
	/* Values: one of them. */
	SYMBOLS_FD = SYMBOLS_FIRST_VALUE,
	SYMBOLS_MADV,
	SYMBOLS_PRCTL,
	SYMBOLS_ARCH_PRCTL,
	SYMBOLS_SIGNAL,
	SYMBOLS_FCNTL,
	SYMBOLS_WHENCE,
	SYMBOLS_CLOCK,
	SYMBOLS_ITIMER,
	SYMBOLS_RLIMIT,
	SYMBOLS_SIGMASK_HOW,
	SYMBOLS_POLICY,
	SYMBOLS_SECCOMP,
	SYMBOLS_COUNT
};

/* "MAP_PRIVATE|MAP_ANONYMOUS", "SIGTERM"; what has no name is a number. */
void symbols_print(FILE *out, enum symbol_set set, uint64_t value);
/* The value of one name of any set. */
bool symbol_value(const char *name, uint64_t *ret);
/* The nearest known name, or NULL. */
const char *symbol_nearest(const char *name);

#endif
