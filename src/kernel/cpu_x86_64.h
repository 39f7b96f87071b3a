/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an x86 processor can do, as the cpuid instruction tells user space (Intel SDM 2A, AMD APM
 * 3), in the words that CRIU's cpuinfo image uses (version 2 of its table): word n is the register
 * of a cpuid leaf, listed in cpu_x86_64.c.
 */
#ifndef KERNEL_CPU_X86_64_H
#define KERNEL_CPU_X86_64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPU_X86_WORDS	      19
#define CPU_X86_WORDS_VERSION 2

enum cpu_x86_vendor { CPU_X86_OTHER, CPU_X86_INTEL, CPU_X86_AMD };

struct cpu_x86 {
	enum cpu_x86_vendor vendor;
	uint32_t family, model, stepping;
	uint32_t words[CPU_X86_WORDS];
	char model_id[49];
	uint64_t xfeatures; /* register sets of XCR0 that a task may use without asking; see .c */
	uint32_t xsave_size, xsave_size_max; /* bytes: what is enabled; all that there is */
};

/* Reads the processor that this runs on. */
void cpu_x86_read(struct cpu_x86 *ret);

/* The name of a bit as /proc/cpuinfo has it; NULL: none that we know. *ret_instructions (may be
 * NULL): it brings instructions that a program may have chosen to use. */
const char *cpu_x86_bit_name(unsigned int word, unsigned int bit, bool *ret_instructions);
/* Whether a word is one that we read: others are zero with us, whatever the processor. */
bool cpu_x86_word_known(unsigned int word);
/* The name of a register set: "AVX-512 opmask". */
const char *cpu_x86_xfeature_name(unsigned int bit);

#endif
