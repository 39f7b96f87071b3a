/* SPDX-License-Identifier: Apache-2.0 */
/* Where the components of the xsave area are: found without CPUID, and as CPUID says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cpuid.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/xsave.h"

static uint64_t enabled(void)
{
	unsigned int eax = 0, ebx = 0, ecx = 0, edx = 0;

	assert_true(__get_cpuid(1, &eax, &ebx, &ecx, &edx));
	if (!(ecx & bit_OSXSAVE))
		return 0;
	__asm__ volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
	return (uint64_t)edx << 32 | eax;
}

static void components(void **state)
{
	static const enum xsave_part parts[] = { XSAVE_YMM,    XSAVE_BNDREG, XSAVE_BNDCSR,
						 XSAVE_OPMASK, XSAVE_ZMM,    XSAVE_HI16,
						 XSAVE_PKRU };
	unsigned int eax = 0, ebx = 0, ecx = 0, edx = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct xsave_component c = xsave_component(parts[i]);

		if (!(enabled() & UINT64_C(1) << parts[i])) {
			assert_int_equal(c.size, 0);
			continue;
		}
		assert_true(__get_cpuid_count(0xd, parts[i], &eax, &ebx, &ecx, &edx));
		assert_int_equal(c.size, eax);
		assert_int_equal(c.offset, ebx);
	}
}

/* By number, also of those that are named; none that is not switched on. */
static void further(void **state)
{
	unsigned int eax = 0, ebx = 0, ecx = 0, edx = 0;

	(void)state;
	for (unsigned int part = 0; part < 70; part++) {
		struct xsave_component c = xsave_further(part);

		if (part < 2 || part > 62 || !(enabled() & UINT64_C(1) << part)) {
			assert_int_equal(c.size, 0);
			continue;
		}
		assert_true(__get_cpuid_count(0xd, part, &eax, &ebx, &ecx, &edx));
		assert_int_equal(c.size, eax);
		assert_int_equal(c.offset, ebx);
	}
	assert_int_equal(xsave_on_request() & ~enabled(), 0);
}

static void size(void **state)
{
	unsigned int eax = 0, ebx = 0, ecx = 0, edx = 0;
	pid_t pid = fork();
	struct err err = { 0 };
	size_t len;

	(void)state;
	assert_true(pid >= 0);
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(xsave_size(pid, &len, &err), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	/* At least what is switched on, and no more than the processor has. */
	if (!enabled())
		return;
	assert_true(__get_cpuid_count(0xd, 0, &eax, &ebx, &ecx, &edx));
	assert_in_range(len, ebx, ecx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(components),
		cmocka_unit_test(further),
		cmocka_unit_test(size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
