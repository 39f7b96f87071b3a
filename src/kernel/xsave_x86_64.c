/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See xsave.h. CPUID leaf 0xd tells where components are, but in a virtual machine each CPUID goes
 * to the hypervisor: 4 to 50 microseconds, and there are two a component. The xsave instruction
 * does not: it writes just the components that it is asked for, also those in their initial state
 * (unlike xsaveopt), so where it has written, they are.
 */
#include "kernel/xsave.h"

#include <cpuid.h>
#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/ptrace.h"

#define ARCH_GET_XCOMP_SUPP 0x1021 /* Linux 5.16 */
#define XSAVE_MAX	    (64u << 10)
#define AREA_MAX	    4096 /* the components that are looked for end before */

struct area {
	unsigned char bytes[AREA_MAX];
} __attribute__((aligned(64)));

/* What of the state the kernel has switched on (XCR0). */
static uint64_t enabled_parts(void)
{
	unsigned int eax, ebx, ecx, edx, low, high;

	__cpuid(1, eax, ebx, ecx, edx);
	if (!(ecx & bit_OSXSAVE))
		return 0;
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

/* Both areas get the same state: no register changes in between. */
static void save_twice(struct area *one, struct area *two, enum xsave_part part)
{
	__asm__ volatile("xsave64 %0\n\txsave64 %1"
			 : "+m"(*one), "+m"(*two)
			 : "a"(1u << part), "d"(0));
}

static void prepare(struct area *area, int background)
{
	memset(area, background, sizeof(*area));
	memset(area->bytes + XSAVE_LEGACY, 0, XSAVE_FIRST - XSAVE_LEGACY);
}

/* Two backgrounds that differ in every byte: what was written is equal. */
static unsigned int locate(enum xsave_part part)
{
	struct area zeros, ones;
	unsigned int at = XSAVE_FIRST;

	prepare(&zeros, 0);
	prepare(&ones, 0xff);
	save_twice(&zeros, &ones, part);
	while (at < AREA_MAX && zeros.bytes[at] != ones.bytes[at])
		at++;
	return at;
}

/* Sizes are the architecture's (SDM 1, 13.5). */
static const unsigned int sizes[] = {
	[XSAVE_YMM] = 256, [XSAVE_BNDREG] = 64, [XSAVE_BNDCSR] = 64, [XSAVE_OPMASK] = 64,
	[XSAVE_ZMM] = 512, [XSAVE_HI16] = 1024, [XSAVE_PKRU] = 8,
};

static void locate_all(struct xsave_component *ret)
{
	uint64_t enabled = enabled_parts();

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		if (!sizes[i] || !(enabled & (UINT64_C(1) << i)))
			continue;
		ret[i].offset = locate(i);
		ret[i].size = ret[i].offset + sizes[i] <= AREA_MAX ? sizes[i] : 0;
	}
}

struct xsave_component xsave_component(enum xsave_part part)
{
	static struct xsave_component known[ARRAY_SIZE(sizes)];
	static bool asked;

	if (!asked)
		locate_all(known);
	asked = true;
	return known[part];
}

struct xsave_component xsave_further(unsigned int part)
{
	struct xsave_component ret = { 0 };
	unsigned int eax, ebx, ecx, edx;

	if (part < 2 || part > 62 || !(enabled_parts() & UINT64_C(1) << part))
		return ret;
	__cpuid_count(0xd, part, eax, ebx, ecx, edx);
	ret.size = eax;
	ret.offset = ebx;
	return ret;
}

/* Only the tiles, so far; a kernel that does not know the question has none to give. */
uint64_t xsave_on_request(void)
{
	static const uint64_t tiles = UINT64_C(1) << XSAVE_TILES;
	static uint64_t known;
	static bool asked;
	uint64_t supported = 0;

	if (!asked && (enabled_parts() & tiles) &&
	    syscall(SYS_arch_prctl, ARCH_GET_XCOMP_SUPP, &supported) == 0)
		known = supported & tiles;
	asked = true;
	return known;
}

int xsave_regset(void)
{
	static int known;

	if (!known)
		known = enabled_parts() ? NT_X86_XSTATE : NT_PRFPREG;
	return known;
}

int xsave_size(pid_t tid, size_t *ret_size, struct err *err)
{
	static size_t known;
	_cleanup_free_ void *area = NULL;
	size_t size = XSAVE_MAX;
	int ret;

	if (!known) {
		area = malloc(size);
		if (!area)
			return err_set(err, ERR_RESOURCE, ENOMEM, "no memory");
		ret = ptrace_get_regset(tid, xsave_regset(), area, &size, err);
		if (ret < 0)
			return ret;
		known = size;
	}
	*ret_size = known;
	return 0;
}
