/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The words behind "crtools exec": one or more system calls with their arguments.
 *
 *	calls	 = call { "," call }
 *	call	 = NAME-OR-NUMBER { argument }		at most six
 *	argument = 12 | -1 | 0x1f | 017			a number
 *		 | O_RDWR|O_CLOEXEC			names of constants
 *		 | &TEXT | &str:TEXT			pointer to a string
 *		 | &hex:0011ff				pointer to these bytes
 *		 | buf:SIZE				pointer to SIZE zeroes; printed afterwards
 *		 | words:ARGUMENT,ARGUMENT...		pointer to words (pointers, numbers)
 *		 | @N					the result of the Nth call
 *		 | @bufN				the address of the Nth buf: again
 */
#ifndef FRONT_CLI_EXEC_H
#define FRONT_CLI_EXEC_H

#include "agent/assemble.h"
#include "base/arena.h"
#include "base/err.h"
#include "model/options.h"

enum exec_kind {
	EXEC_NUMBER, /* value */
	EXEC_RESULT, /* of calls[value] */
	EXEC_BUFFER, /* buffers[value] */
	EXEC_DATA,   /* data, size */
	EXEC_WORDS,  /* words */
};

struct exec_arg {
	const char *text; /* as typed */
	enum exec_kind kind;
	uint64_t value;
	const void *data;
	size_t size;
	struct exec_arg *words;
	size_t n_words;
};

struct exec_call {
	const char *name; /* as typed: may be a number */
	struct exec_arg args[6];
	size_t n_args;
	int nr; /* once built */
	call_id id;
};

struct exec_buffer {
	size_t size;
	uint64_t off; /* in the area; once built */
};

struct exec {
	struct arena *arena;
	struct exec_call *calls;
	size_t n_calls;
	struct exec_buffer *buffers;
	size_t n_buffers;
	bool compat; /* once built: calls of a 32-bit process */
};

/* exec_parse.c. Everything that can be said without the process: ERR_USAGE otherwise. */
int exec_parse(const struct str_list *words, struct arena *arena, struct exec *ret,
	       struct err *err);
/* exec_build.c. Puts the calls into a program (engine_exec.build; data is the struct exec). Each
 * has to succeed for the next one to be made. */
int exec_build(void *data, struct program *p, bool compat, struct err *err);

#endif
