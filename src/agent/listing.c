/* SPDX-License-Identifier: Apache-2.0 */
/* See listing.h. */
#include "agent/listing.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/symbols.h"
#include "agent/syscalls.h"
#include "base/cleanup.h"

#define TEXT_MAX 200

static const struct {
	const char *name, *args;
} signatures[] = {
#define CALL(name, args) { #name, args },
#include "agent/signatures.def"
#undef CALL
};

static const struct {
	char letter;
	enum symbol_set set;
} letters[] = {
	{ 'f', SYMBOLS_FD },	      { 'P', SYMBOLS_PROT },   { 'M', SYMBOLS_MAP },
	{ 'R', SYMBOLS_MREMAP },      { 'A', SYMBOLS_MADV },   { 'O', SYMBOLS_OPEN },
	{ '@', SYMBOLS_AT },	      { 'p', SYMBOLS_PRCTL },  { 'a', SYMBOLS_ARCH_PRCTL },
	{ 'S', SYMBOLS_SIGNAL },      { 'F', SYMBOLS_FCNTL },  { 'w', SYMBOLS_WHENCE },
	{ 'c', SYMBOLS_CLOCK },	      { 'i', SYMBOLS_ITIMER }, { 'l', SYMBOLS_RLIMIT },
	{ 'h', SYMBOLS_SIGMASK_HOW }, { 'y', SYMBOLS_POLICY }, { 'q', SYMBOLS_SECCOMP },
};

/* The operations that are no system calls: name and signature, by enum agent_op. */
static const struct {
	const char *name, *args;
} operations[AGENT_OP_COUNT] = {
	[AGENT_THREAD] = { "start thread", "mzx" },
	[AGENT_POST] = { "post", "md" },
	[AGENT_WAIT] = { "wait", "md" },
	[AGENT_STORE] = { "store", "mxd" },
	[AGENT_LOAD] = { "load", "md" },
	[AGENT_ARCH] = { "processor", "dx" },
	[AGENT_AGAIN] = { "again", "zzzzzz" },
};

static int read_area(const void *source, uint64_t off, void *buf, size_t n)
{
	const struct area *area = source;

	if (off < area_code_size() || off > area->len || n > area->len - off)
		return -EFAULT;
	memcpy(buf, area_data(area, off), n);
	return 0;
}

struct listing listing_of_area(const struct area *area)
{
	return (struct listing){ read_area, area };
}

/* A text at an offset, or false where there is none that a person could read. */
static bool read_text(const struct listing *l, uint64_t off, char text[TEXT_MAX])
{
	size_t n = 0;

	for (; n + 1 < TEXT_MAX; n++) {
		if (l->read(l->source, off + n, &text[n], 1) < 0)
			return false;
		if (!text[n])
			return true;
		if (!isprint((unsigned char)text[n]))
			return false;
	}
	text[n] = '\0';
	return true;
}

/* Small numbers say more in decimal; addresses and masks do not. */
static void print_plain(FILE *out, uint64_t value)
{
	if ((int64_t)value > -4096 && (int64_t)value < 65536)
		fprintf(out, "%" PRId64, (int64_t)value);
	else
		fprintf(out, "0x%" PRIx64, value);
}

static void print_value(FILE *out, char letter, uint64_t value)
{
	for (size_t i = 0; i < ARRAY_SIZE(letters); i++)
		if (letters[i].letter == letter) {
			symbols_print(out, letters[i].set, value);
			return;
		}
	if (letter == 'd')
		fprintf(out, "%" PRId64, (int64_t)value);
	else if (letter == 'o')
		fprintf(out, "0%" PRIo64, value);
	else if (letter == 'z')
		fprintf(out, "%" PRIu64, value);
	else if ((letter == 'm' || letter == 's') && !value)
		fprintf(out, "NULL");
	else if (letter)
		fprintf(out, value > 9 ? "0x%" PRIx64 : "%" PRIu64, value);
	else
		print_plain(out, value);
}

static void print_arg(FILE *out, const struct listing *l, const struct agent_call *call,
		      unsigned int k, char letter)
{
	char text[TEXT_MAX];

	switch ((call->kinds >> (4 * k)) & 15) {
	case AGENT_AREA:
		if (letter == 's' && read_text(l, call->arg[k], text))
			fprintf(out, "\"%s\"", text);
		else
			fprintf(out, "area+0x%" PRIx64, call->arg[k]);
		break;
	case AGENT_TABLE:
		fprintf(out, "words at area+0x%" PRIx64, call->arg[k]);
		break;
	case AGENT_RESULT:
		fprintf(out, "result of %" PRIu64, call->arg[k]);
		break;
	default:
		print_value(out, letter, call->arg[k]);
		break;
	}
}

static const char *signature_of(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(signatures); i++)
		if (!strcmp(signatures[i].name, name))
			return signatures[i].args;
	return NULL;
}

static unsigned int given_args(const struct agent_call *call)
{
	unsigned int n = 6;

	while (n && !call->arg[n - 1] && !((call->kinds >> (4 * (n - 1))) & 15))
		n--;
	return n;
}

void listing_call(FILE *out, const struct listing *l, const struct agent_call *call)
{
	bool syscall = call->op == AGENT_SYSCALL || call->op == AGENT_SYSCALL32;
	const char *name, *args;
	unsigned int n;

	if (syscall) {
		name = syscall_name(call->nr, call->op == AGENT_SYSCALL32);
		args = signature_of(name);
	} else {
		name = call->op < AGENT_OP_COUNT ? operations[call->op].name : NULL;
		args = name ? operations[call->op].args : NULL;
	}
	if (name)
		fprintf(out, "%s%s(", name, call->op == AGENT_SYSCALL32 ? "/32" : "");
	else
		fprintf(out, "%s %d(", syscall ? "system call" : "operation",
			syscall ? call->nr : call->op);
	if (call->op == AGENT_AGAIN)
		fprintf(out, "%d times, raised by ", call->nr);
	n = args && call->op != AGENT_AGAIN ? strlen(args) : given_args(call);
	for (unsigned int k = 0; k < n; k++) {
		fprintf(out, "%s", k ? ", " : "");
		print_arg(out, l, call, k, args ? args[k] : '\0');
	}
	fprintf(out, ")");
}

const char *listing_text(char *buf, size_t size, const struct listing *l,
			 const struct agent_call *call)
{
	_cleanup_file_ FILE *out = fmemopen(buf, size, "w");

	buf[0] = '\0';
	if (out)
		listing_call(out, l, call);
	return buf;
}

static void print_stage(FILE *out, enum stage stage)
{
	static const char *const names[] = {
#define STAGE(id, what) #id,
#include "agent/stages.def"
#undef STAGE
	};
	int width = 8;

	for (const char *c = names[stage]; *c; c++, width--)
		fputc(tolower((unsigned char)*c), out);
	fprintf(out, "%*s", width > 0 ? width : 0, "");
}

static void list_line(FILE *out, const struct listing *l, size_t index, enum stage stage,
		      const struct agent_call *call)
{
	char note[TEXT_MAX];

	fprintf(out, "%5zu  ", index);
	print_stage(out, stage);
	fputc(' ', out);
	listing_call(out, l, call);
	if (call->demand == AGENT_OK)
		fprintf(out, "  must succeed");
	if (call->demand == AGENT_EQUAL) {
		fprintf(out, "  must be ");
		print_plain(out, call->want);
	}
	if (call->note && read_text(l, call->note, note))
		fprintf(out, "  # %s", note);
	fputc('\n', out);
}

void listing_program(FILE *out, const struct program *p)
{
	struct listing l = listing_of_area(p->area);
	const struct agent_call *calls = program_calls(p);
	_cleanup_free_ uint8_t *stages = calloc(p->n + 1, 1);

	for (size_t i = 0; stages && i < p->n; i++)
		stages[p->place[i]] = p->stages[i];
	for (size_t i = 0; stages && i < p->n; i++)
		list_line(out, &l, i, stages[i], &calls[i]);
}
