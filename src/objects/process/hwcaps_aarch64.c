/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program found out about its processor as it started is in its auxiliary vector, which the
 * mm image has: AT_HWCAP and AT_HWCAP2, a bit a feature (Documentation/arch/arm64/elf_hwcaps.rst).
 * By these the C library chooses its functions and programs choose theirs; nothing in a file says
 * what it can't do without. So each feature that this processor has not matters.
 *
 * Pointers that were signed are good only where the same keys give the same signature: the
 * algorithm is one of several, or the processor's own, and its bits lie where addresses end. Two
 * identification registers tell, which the kernel lets programs read
 * (Documentation/arch/arm64/cpu-feature-registers.rst).
 */
#include <string.h>
#include <sys/auxv.h>

#include "kernel/address.h"
#include "model/options.h"
#include "objects/process/process.h"
#include "objects/process/regsets_aarch64.h"
#include "objects/restored.h"

#define HWCAP_CPUID_ (UINT64_C(1) << 11)
#define HWCAP_PACA_  (UINT64_C(1) << 30)
#define HWCAP_PACG_  (UINT64_C(1) << 31)

/* Of the first register: GPI, GPA, API, APA; of the second: APA3, GPA3. */
#define ISAR1_FIELDS UINT64_C(0xff000ff0)
#define ISAR2_FIELDS UINT64_C(0x0000ff00)

/* By bit, as /proc/cpuinfo has them. */
static const struct {
	unsigned long kind;
	uint64_t others; /* are neither instructions nor registers: how to wait, what can be read */
	const char *names;
} words[] = {
	{ AT_HWCAP, UINT64_C(1) << 2 | HWCAP_CPUID_,
	  "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm jscvt "
	  "fcma lrcpc dcpop sha3 sm3 sm4 asimddp sha512 sve asimdfhm dit uscat ilrcpc flagm ssbs "
	  "sb paca pacg gcs cmpbr fprcvt f8mm8 f8mm4 svef16mm sveeltperm sveaes2 svebfscale "
	  "sve2p2 sme2p2 smesbitperm smeaes smesfexpa smestmop smesmop4" },
	{ AT_HWCAP2, UINT64_C(1) << 19 | UINT64_C(1) << 22,
	  "dcpodp sve2 sveaes svepmull svebitperm svesha3 svesm4 flagm2 frint svei8mm svef32mm "
	  "svef64mm svebf16 i8mm bf16 dgh rng bti mte ecv afp rpres mte3 sme smei16i64 smef64f64 "
	  "smei8i32 smef16f32 smeb16f32 smef32f32 smefa64 wfxt ebf16 sveebf16 cssc rprfm sve2p1 "
	  "sme2 sme2p1 smei16i32 smebi32i32 smeb16b16 smef16f16 mops hbc sveb16b16 lrcpc3 lse128 "
	  "fpmr lut faminmax f8cvt f8fma f8dp4 f8dp2 f8e4m3 f8e5m2 smelutv2 smef8f16 smef8f32 "
	  "smesf8fma smesf8dp4 smesf8dp2 poe" },
};

/* The word of that number, up to the next blank. */
static const char *name_of(struct arena *a, const char *names, int bit)
{
	for (int i = 0; i < bit && names; i++) {
		names = strchr(names, ' ');
		names = names ? names + 1 : NULL;
	}
	return names ? arena_printf(a, "%.*s", (int)strcspn(names, " "), names)
		     : arena_printf(a, "bit %d", bit);
}

/* What the task found; 0 if its vector does not say. */
static uint64_t found(const MmEntry *mm, unsigned long kind)
{
	for (size_t i = 0; mm && i + 1 < mm->n_mm_saved_auxv; i += 2)
		if (mm->mm_saved_auxv[i] == kind)
			return mm->mm_saved_auxv[i + 1];
	return 0;
}

static const char *lacking(struct restore_task *t)
{
	struct arena *a = restore_arena(t->r);
	const char *list = "";

	for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
		unsigned long kind = words[k].kind;
		uint64_t lacks = found(t->mm, kind) & ~getauxval(kind) & ~words[k].others;

		for (int bit = 0; bit < 64; bit++)
			if (lacks >> bit & 1)
				list = arena_printf(a, "%s%s%s", list, *list ? ", " : "",
						    name_of(a, words[k].names, bit));
	}
	return list;
}

#define N_SIGNING 3

static bool read_signing(uint64_t ret[N_SIGNING])
{
	if (~getauxval(AT_HWCAP) & (HWCAP_CPUID_ | HWCAP_PACA_))
		return false;
	__asm__("mrs %0, s3_0_c0_c6_1" : "=r"(ret[0]));
	__asm__("mrs %0, s3_0_c0_c6_2" : "=r"(ret[1]));
	ret[0] &= ISAR1_FIELDS;
	ret[1] &= ISAR2_FIELDS;
	ret[2] = address_end() - 1;
	return true;
}

void hwcaps_collect(struct dump_task *t)
{
	uint64_t how[N_SIGNING];

	if (!read_signing(how))
		return;
	t->extra->n_pointer_auth = N_SIGNING;
	t->extra->pointer_auth = arena_memdup(dump_arena(t->dump), how, sizeof(how));
}

/* Where it can't sign at all, that was said already. */
static bool signs_otherwise(const struct restore_task *t)
{
	uint64_t how[N_SIGNING];

	return t->extra && t->extra->n_pointer_auth == N_SIGNING && read_signing(how) &&
	       memcmp(t->extra->pointer_auth, how, sizeof(how));
}

static void check_keys(struct restore_thread *th)
{
	const PacKeys *keys = th->core->ti_aarch64 ? th->core->ti_aarch64->pac_keys : NULL;
	uint64_t have = getauxval(AT_HWCAP);

	if (keys && ((keys->pac_address_keys && !(have & HWCAP_PACA_)) ||
		     (keys->pac_generic_keys && !(have & HWCAP_PACG_))))
		restored_refuse(th->task,
				arena_printf(restore_arena(th->task->r), "thread %d", th->vtid),
				"has keys of pointer authentication, which this processor or "
				"kernel has not",
				"restore where /proc/cpuinfo names the features paca and pacg");
}

static void differs(struct restore_task *t, const char *text, const char *cure)
{
	if (t->r->s->opts->cpu_cap & CPU_CAP_INS)
		restored_refuse(t, "processor", text, cure);
	else
		restored_warn(t, "processor", text, "");
}

int hwcaps_check(struct restore_task *t)
{
	const char *list = lacking(t);

	for (size_t i = 0; i < t->n_threads; i++)
		check_keys(&t->threads[i]);
	if (*list)
		differs(t,
			arena_printf(restore_arena(t->r),
				     "found instructions when it started that this processor or "
				     "kernel lacks: %s",
				     list),
			"restore on a processor that has them; --cpu-cap=fpu lets the restore try");
	if (signs_otherwise(t))
		differs(t,
			"has pointers that this processor or kernel signs in another way: it would "
			"end at the next one",
			"restore on a processor of the same kind, with a kernel of the same size of "
			"addresses; if no code of the tree signs pointers, --cpu-cap=fpu");
	return 0;
}
