/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See cpu_x86_64.h.
 *
 * Word 3 holds bits that the kernel's table defines by itself and no leaf has: on every 64-bit
 * processor rep_good (16), nopl (20) and cpuid (25). The words 2, 5, 7, 8, 12, 16 and 17 belong to
 * other vendors, to virtualization, to monitoring, or to nothing: they are zero in our images and
 * are not compared.
 *
 * xfeatures: XCR0 as leaf 0xd describes it. SSE (bit 1) is left out as CRIU leaves it out, a check
 * by CRIU would otherwise miss it; so are the AMX tiles (bits 17 and 18), which CRIU does not know
 * and a task gets on request only; instruction bits amx_* tell of them.
 */
#include "kernel/cpu_x86_64.h"

#include <cpuid.h>
#include <string.h>

#define XFEATURE_SSE	   (1ull << 1)
#define XFEATURES_RECORDED (0x2ffull & ~XFEATURE_SSE & ~(1ull << 8))

enum reg { EAX, EBX, ECX, EDX };

static const struct {
	uint32_t leaf, subleaf;
	enum reg reg;
	bool known;
} words[CPU_X86_WORDS] = {
	[0] = { 1, 0, EDX, true },  [1] = { 0x80000001, 0, EDX, true },
	[4] = { 1, 0, ECX, true },  [6] = { 0x80000001, 0, ECX, true },
	[9] = { 7, 0, EBX, true },  [10] = { 0xd, 1, EAX, true },
	[11] = { 7, 0, ECX, true }, [13] = { 0x80000008, 0, EBX, true },
	[14] = { 6, 0, EAX, true }, [15] = { 0x8000000a, 0, EDX, true },
	[18] = { 7, 0, EDX, true },
};

#define OWN_WORD 3
#define OWN_BITS (1u << 16 | 1u << 20 | 1u << 25)

/* clang-format off */
/* 'i': brings instructions; 'h': a hint, or for the kernel only. */
static const struct {
	uint8_t word, bit;
	char kind;
	char name[24]; /* no pointer: nothing is relocated at the start */
} bits[] = {
	{ 0, 0, 'i', "fpu" },		{ 0, 4, 'i', "tsc" },
	{ 0, 8, 'i', "cx8" },		{ 0, 15, 'i', "cmov" },
	{ 0, 19, 'i', "clflush" },	{ 0, 23, 'i', "mmx" },
	{ 0, 24, 'i', "fxsr" },		{ 0, 25, 'i', "sse" },
	{ 0, 26, 'i', "sse2" },		{ 0, 1, 'h', "vme" },
	{ 0, 2, 'h', "de" },		{ 0, 3, 'h', "pse" },
	{ 0, 5, 'h', "msr" },		{ 0, 6, 'h', "pae" },
	{ 0, 7, 'h', "mce" },		{ 0, 9, 'h', "apic" },
	{ 0, 11, 'h', "sep" },		{ 0, 12, 'h', "mtrr" },
	{ 0, 13, 'h', "pge" },		{ 0, 14, 'h', "mca" },
	{ 0, 16, 'h', "pat" },		{ 0, 17, 'h', "pse36" },
	{ 0, 18, 'h', "pn" },		{ 0, 21, 'h', "dts" },
	{ 0, 22, 'h', "acpi" },		{ 0, 27, 'h', "ss" },
	{ 0, 28, 'h', "ht" },		{ 0, 29, 'h', "tm" },
	{ 0, 30, 'h', "ia64" },		{ 0, 31, 'h', "pbe" },
	{ 1, 11, 'i', "syscall" },	{ 1, 22, 'i', "mmxext" },
	{ 1, 25, 'h', "fxsr_opt" },	{ 1, 27, 'i', "rdtscp" },
	{ 1, 29, 'i', "lm" },		{ 1, 30, 'i', "3dnowext" },
	{ 1, 31, 'i', "3dnow" },	{ 1, 19, 'h', "mp" },
	{ 1, 20, 'h', "nx" },		{ 1, 26, 'h', "pdpe1gb" },
	{ 4, 0, 'i', "pni" },		{ 4, 1, 'i', "pclmulqdq" },
	{ 4, 9, 'i', "ssse3" },		{ 4, 12, 'i', "fma" },
	{ 4, 13, 'i', "cx16" },		{ 4, 19, 'i', "sse4_1" },
	{ 4, 20, 'i', "sse4_2" },	{ 4, 22, 'i', "movbe" },
	{ 4, 23, 'i', "popcnt" },	{ 4, 25, 'i', "aes" },
	{ 4, 26, 'i', "xsave" },	{ 4, 27, 'i', "osxsave" },
	{ 4, 28, 'i', "avx" },		{ 4, 29, 'i', "f16c" },
	{ 4, 30, 'i', "rdrand" },	{ 4, 2, 'h', "dtes64" },
	{ 4, 3, 'h', "monitor" },	{ 4, 4, 'h', "ds_cpl" },
	{ 4, 5, 'h', "vmx" },		{ 4, 6, 'h', "smx" },
	{ 4, 7, 'h', "est" },		{ 4, 8, 'h', "tm2" },
	{ 4, 10, 'h', "cid" },		{ 4, 11, 'h', "sdbg" },
	{ 4, 14, 'h', "xtpr" },		{ 4, 15, 'h', "pdcm" },
	{ 4, 17, 'h', "pcid" },		{ 4, 18, 'h', "dca" },
	{ 4, 21, 'h', "x2apic" },	{ 4, 24, 'h', "tsc_deadline_timer" },
	{ 4, 31, 'h', "hypervisor" },	{ 6, 0, 'i', "lahf_lm" },
	{ 6, 1, 'h', "cmp_legacy" },	{ 6, 2, 'h', "svm" },
	{ 6, 3, 'h', "extapic" },	{ 6, 4, 'h', "cr8_legacy" },
	{ 6, 5, 'i', "abm" },		{ 6, 6, 'i', "sse4a" },
	{ 6, 7, 'i', "misalignsse" },	{ 6, 8, 'i', "3dnowprefetch" },
	{ 6, 9, 'h', "osvw" },		{ 6, 10, 'h', "ibs" },
	{ 6, 11, 'i', "xop" },		{ 6, 12, 'h', "skinit" },
	{ 6, 13, 'h', "wdt" },		{ 6, 15, 'i', "lwp" },
	{ 6, 16, 'i', "fma4" },		{ 6, 17, 'h', "tce" },
	{ 6, 19, 'h', "nodeid_msr" },	{ 6, 21, 'i', "tbm" },
	{ 6, 22, 'h', "topoext" },	{ 6, 23, 'h', "perfctr_core" },
	{ 6, 24, 'h', "perfctr_nb" },	{ 6, 26, 'h', "bpext" },
	{ 6, 28, 'h', "perfctr_llc" },	{ 6, 29, 'i', "mwaitx" },
	{ 9, 0, 'i', "fsgsbase" },	{ 9, 1, 'h', "tsc_adjust" },
	{ 9, 3, 'i', "bmi1" },		{ 9, 4, 'i', "hle" },
	{ 9, 5, 'i', "avx2" },		{ 9, 7, 'h', "smep" },
	{ 9, 8, 'i', "bmi2" },		{ 9, 9, 'h', "erms" },
	{ 9, 10, 'h', "invpcid" },	{ 9, 11, 'i', "rtm" },
	{ 9, 12, 'h', "cqm" },		{ 9, 14, 'i', "mpx" },
	{ 9, 15, 'h', "rdt_a" },	{ 9, 16, 'i', "avx512f" },
	{ 9, 17, 'i', "avx512dq" },	{ 9, 18, 'i', "rdseed" },
	{ 9, 19, 'i', "adx" },		{ 9, 20, 'h', "smap" },
	{ 9, 21, 'i', "avx512ifma" },	{ 9, 23, 'i', "clflushopt" },
	{ 9, 24, 'i', "clwb" },		{ 9, 25, 'h', "intel_pt" },
	{ 9, 26, 'i', "avx512pf" },	{ 9, 27, 'i', "avx512er" },
	{ 9, 28, 'i', "avx512cd" },	{ 9, 29, 'i', "sha_ni" },
	{ 9, 30, 'i', "avx512bw" },	{ 9, 31, 'i', "avx512vl" },
	{ 10, 0, 'i', "xsaveopt" },	{ 10, 1, 'i', "xsavec" },
	{ 10, 2, 'i', "xgetbv1" },	{ 10, 3, 'h', "xsaves" },
	{ 10, 4, 'h', "xfd" },		{ 11, 1, 'i', "avx512vbmi" },
	{ 11, 2, 'h', "umip" },		{ 11, 3, 'i', "pku" },
	{ 11, 4, 'i', "ospke" },	{ 11, 5, 'i', "waitpkg" },
	{ 11, 6, 'i', "avx512_vbmi2" }, { 11, 7, 'i', "shstk" },
	{ 11, 8, 'i', "gfni" },		{ 11, 9, 'i', "vaes" },
	{ 11, 10, 'i', "vpclmulqdq" },	{ 11, 11, 'i', "avx512_vnni" },
	{ 11, 12, 'i', "avx512_bitalg" }, { 11, 13, 'h', "tme" },
	{ 11, 14, 'i', "avx512_vpopcntdq" }, { 11, 16, 'h', "la57" },
	{ 11, 22, 'i', "rdpid" },	{ 11, 24, 'h', "bus_lock_detect" },
	{ 11, 25, 'i', "cldemote" },	{ 11, 27, 'i', "movdiri" },
	{ 11, 28, 'i', "movdir64b" },	{ 11, 29, 'i', "enqcmd" },
	{ 13, 0, 'i', "clzero" },	{ 13, 1, 'h', "irperf" },
	{ 13, 2, 'h', "xsaveerptr" },	{ 13, 4, 'i', "rdpru" },
	{ 13, 9, 'h', "wbnoinvd" },	{ 14, 2, 'h', "arat" },
	{ 18, 2, 'i', "avx512_4vnniw" }, { 18, 3, 'i', "avx512_4fmaps" },
	{ 18, 4, 'h', "fsrm" },		{ 18, 8, 'i', "avx512_vp2intersect" },
	{ 18, 14, 'i', "serialize" },	{ 18, 16, 'i', "tsxldtrk" },
	{ 18, 20, 'h', "ibt" },		{ 18, 22, 'i', "amx_bf16" },
	{ 18, 23, 'i', "avx512_fp16" }, { 18, 24, 'i', "amx_tile" },
	{ 18, 25, 'i', "amx_int8" },	{ 18, 28, 'h', "flush_l1d" },
	{ 18, 29, 'h', "arch_capabilities" },
};
/* clang-format on */

static void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t regs[static 4])
{
	memset(regs, 0, 4 * sizeof(*regs));
	if (leaf > (uint32_t)__get_cpuid_max(leaf & 0x80000000, NULL))
		return;
	__cpuid_count(leaf, subleaf, regs[EAX], regs[EBX], regs[ECX], regs[EDX]);
}

/* Extended family and model count for the highest families only (SDM, CPUID leaf 1). */
static void read_identity(struct cpu_x86 *cpu)
{
	uint32_t regs[4];
	char vendor[13];

	cpuid(0, 0, regs);
	memcpy(vendor, &regs[EBX], 4);
	memcpy(vendor + 4, &regs[EDX], 4);
	memcpy(vendor + 8, &regs[ECX], 4);
	vendor[12] = '\0';
	if (!strcmp(vendor, "GenuineIntel"))
		cpu->vendor = CPU_X86_INTEL;
	else if (!strcmp(vendor, "AuthenticAMD"))
		cpu->vendor = CPU_X86_AMD;
	cpuid(1, 0, regs);
	cpu->family = regs[EAX] >> 8 & 0xf;
	cpu->model = regs[EAX] >> 4 & 0xf;
	cpu->stepping = regs[EAX] & 0xf;
	if (cpu->family == 0xf)
		cpu->family += regs[EAX] >> 20 & 0xff;
	if (cpu->family >= 6)
		cpu->model += (regs[EAX] >> 16 & 0xf) << 4;
}

/* Without the blanks in front; those behind it are kept, as CRIU has them in its images. */
static void read_model_id(struct cpu_x86 *cpu)
{
	size_t blanks;

	for (unsigned int i = 0; i < 3; i++) {
		uint32_t regs[4];

		cpuid(0x80000002 + i, 0, regs);
		memcpy(cpu->model_id + 16 * i, regs, 16);
	}
	blanks = strspn(cpu->model_id, " ");
	memmove(cpu->model_id, cpu->model_id + blanks, sizeof(cpu->model_id) - blanks);
}

void cpu_x86_read(struct cpu_x86 *ret)
{
	uint32_t regs[4];

	*ret = (struct cpu_x86){ 0 };
	read_identity(ret);
	read_model_id(ret);
	for (unsigned int i = 0; i < CPU_X86_WORDS; i++) {
		if (!words[i].known)
			continue;
		cpuid(words[i].leaf, words[i].subleaf, regs);
		ret->words[i] = regs[words[i].reg];
	}
	ret->words[OWN_WORD] = OWN_BITS;
	cpuid(0xd, 0, regs);
	ret->xfeatures = ((uint64_t)regs[EDX] << 32 | regs[EAX]) & XFEATURES_RECORDED;
	ret->xsave_size = regs[EBX];
	ret->xsave_size_max = regs[ECX];
}

const char *cpu_x86_bit_name(unsigned int word, unsigned int bit, bool *ret_instructions)
{
	for (size_t i = 0; i < sizeof(bits) / sizeof(*bits); i++) {
		if (bits[i].word != word || bits[i].bit != bit)
			continue;
		if (ret_instructions)
			*ret_instructions = bits[i].kind == 'i';
		return bits[i].name;
	}
	return NULL;
}

bool cpu_x86_word_known(unsigned int word)
{
	return word < CPU_X86_WORDS && (words[word].known || word == OWN_WORD);
}

const char *cpu_x86_xfeature_name(unsigned int bit)
{
	static const char *const names[] = {
		"x87",
		"SSE",
		"AVX",
		"MPX bounds",
		"MPX configuration",
		"AVX-512 opmask",
		"AVX-512 ZMM_Hi256",
		"AVX-512 Hi16_ZMM",
		"processor trace",
		"protection keys",
		[17] = "AMX tile configuration",
		[18] = "AMX tiles",
		[19] = "APX registers",
	};

	return bit < sizeof(names) / sizeof(*names) && names[bit] ? names[bit]
								  : "unknown register set";
}
