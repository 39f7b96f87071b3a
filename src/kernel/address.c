/* SPDX-License-Identifier: Apache-2.0 */
/* See address.h. */
#include "kernel/address.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#define PAGE UINT64_C(4096)

#if defined(__x86_64__)

/* With five levels of page tables there are 56 bits, but programs that use them are not known. */
uint64_t address_end(void)
{
	return UINT64_C(0x7ffffffff000);
}

uint64_t address_window(void)
{
	return address_end();
}

#elif defined(__aarch64__)

#define WINDOW (UINT64_C(1) << 48)

/* CONFIG_ARM64_VA_BITS is 36 to 52, and the processor may have fewer. */
uint64_t address_end(void)
{
	static uint64_t end;

	for (unsigned int bits = 52; !end && bits >= 36; bits--) {
		void *last = (void *)((UINT64_C(1) << bits) - PAGE);
		void *p = mmap(last, PAGE, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

		if (p != MAP_FAILED)
			munmap(p, PAGE);
		if (p == last || (p == MAP_FAILED && errno == EEXIST))
			end = UINT64_C(1) << bits;
	}
	return end;
}

uint64_t address_window(void)
{
	return address_end() < WINDOW ? address_end() : WINDOW;
}

#endif
