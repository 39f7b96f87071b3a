/* SPDX-License-Identifier: Apache-2.0 */
/* See vdso_code.h. A function may begin with a landing place for indirect branches (BTI), which has
 * to stay its first instruction. */
#include <string.h>

#include "kernel/code_aarch64.h"
#include "objects/memory/vdso_code.h"

#define CODE_LDR_16_NEXT 0x58000050u /* ldr x16, . + 8 */
#define CODE_BR_16	 0xd61f0200u /* br x16: x16 and x17 are any call's to change */

static size_t put(unsigned char *code, size_t at, uint32_t word)
{
	memcpy(code + at, &word, sizeof(word));
	return at + sizeof(word);
}

static size_t landing_place(const unsigned char *old_code, unsigned char *code)
{
	uint32_t first;

	memcpy(&first, old_code, sizeof(first));
	if (first == CODE_BTI_C || first == CODE_BTI_JC || first == CODE_PACIASP)
		return put(code, 0, CODE_BTI_C);
	return 0;
}

size_t vdso_code_jump(bool wide, const unsigned char *old_code, uint64_t from, uint64_t to,
		      unsigned char *code)
{
	size_t n = landing_place(old_code, code);

	(void)wide;
	(void)from;
	n = put(code, n, CODE_LDR_16_NEXT);
	n = put(code, n, CODE_BR_16);
	memcpy(code + n, &to, sizeof(to));
	return n + sizeof(to);
}

static const struct {
	const char *name;
	uint32_t nr;
} calls[] = {
	{ "clock_gettime", 113 },
	{ "gettimeofday", 169 },
	{ "clock_getres", 114 },
	{ "getrandom", 278 },
};

/* mov x8, #nr; svc #0; ret */
size_t vdso_code_call(const char *name, const unsigned char *old_code, unsigned char *code)
{
	size_t n = landing_place(old_code, code);

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strcmp(name, calls[i].name))
			continue;
		n = put(code, n, CODE_MOV_8(calls[i].nr));
		n = put(code, n, CODE_SVC);
		return put(code, n, CODE_RET);
	}
	return 0;
}

/* Also one that the thread is about to make, and that it made once already: the answer is awaited. */
bool vdso_code_after_call(const unsigned char *code, uint64_t off)
{
	uint32_t word;

	if (off < sizeof(word))
		return false;
	memcpy(&word, code + off - sizeof(word), sizeof(word));
	return word == CODE_SVC;
}
