/* SPDX-License-Identifier: Apache-2.0 */
/* See vdso_code.h. */
#include <string.h>

#include "objects/memory/vdso_code.h"

/* mov $address, %rax; jmp *%rax: no argument is in rax. In 32-bit code every place is near. */
size_t vdso_code_jump(bool wide, const unsigned char *old_code, uint64_t from, uint64_t to,
		      unsigned char *code)
{
	uint32_t near = to - (from + 5);

	(void)old_code;
	if (wide) {
		memcpy(code, "\x48\xb8", 2);
		memcpy(code + 2, &to, 8);
		memcpy(code + 10, "\xff\xe0", 2);
		return 12;
	}
	code[0] = 0xe9;
	memcpy(code + 1, &near, 4);
	return 5;
}

static const struct {
	const char *name;
	uint32_t nr; /* the same arguments in the same registers, as far as the call has any */
} calls[] = {
	{ "clock_gettime", 228 }, { "gettimeofday", 96 },  { "time", 201 },
	{ "getcpu", 309 },	  { "clock_getres", 229 }, { "getrandom", 318 },
};

/* mov $nr, %eax; syscall; ret */
size_t vdso_code_call(const char *name, const unsigned char *old_code, unsigned char *code)
{
	(void)old_code;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strcmp(name, calls[i].name))
			continue;
		code[0] = 0xb8;
		memcpy(code + 1, &calls[i].nr, 4);
		memcpy(code + 5, "\x0f\x05\xc3", 3);
		return 8;
	}
	return 0;
}

bool vdso_code_after_call(const unsigned char *code, uint64_t off)
{
	return off >= 2 &&
	       (!memcmp(code + off - 2, "\x0f\x05", 2) || !memcmp(code + off - 2, "\xcd\x80", 2));
}
