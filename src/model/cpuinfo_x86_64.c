/* SPDX-License-Identifier: Apache-2.0 */
/* See cpuinfo.h. What matters: --cpu-cap, enum cpu_cap in options.h. */
#include "model/cpuinfo.h"

#include <errno.h>
#include <string.h>

#include "kernel/cpu_x86_64.h"
#include "model/options.h"

static const char hint[] =
	"--cpu-cap=fpu lets the restore try, if the programs of the tree did not "
	"choose these instructions";

CpuinfoEntry *cpuinfo_entry(struct arena *a)
{
	CpuinfoEntry *entry = arena_msg(a, CpuinfoEntry, cpuinfo_entry);
	CpuinfoX86Entry *x86 = arena_msg(a, CpuinfoX86Entry, cpuinfo_x86_entry);
	struct cpu_x86 cpu;

	cpu_x86_read(&cpu);
	x86->vendor_id = (CpuinfoX86Entry__Vendor)cpu.vendor;
	x86->cpu_family = cpu.family;
	x86->model = cpu.model;
	x86->stepping = cpu.stepping;
	x86->capability_ver = CPU_X86_WORDS_VERSION;
	x86->capability = arena_memdup(a, cpu.words, sizeof(cpu.words));
	x86->n_capability = CPU_X86_WORDS;
	x86->model_id = arena_strdup(a, cpu.model_id);
	x86->has_xfeatures_mask = x86->has_xsave_size = x86->has_xsave_size_max = true;
	x86->xfeatures_mask = cpu.xfeatures;
	x86->xsave_size = cpu.xsave_size;
	x86->xsave_size_max = cpu.xsave_size_max;
	arena_push(a, entry->x86_entry, entry->n_x86_entry, x86);
	return entry;
}

const char *cpuinfo_model(const CpuinfoEntry *entry)
{
	return entry->n_x86_entry && entry->x86_entry[0]->model_id ? entry->x86_entry[0]->model_id
								   : "model unknown";
}

struct comparison {
	const CpuinfoX86Entry *image;
	struct cpu_x86 here;
	unsigned int caps;
	struct report *report;
};

static void differ(struct comparison *c, bool matters, const char *object, const char *text,
		   const char *cure)
{
	if (matters)
		report_refuse(c->report, 0, object, text, cure);
	else
		report_warn(c->report, 0, object, text, "");
}

static void compare_xfeatures(struct comparison *c)
{
	uint64_t missing = c->image->xfeatures_mask & ~(c->here.xfeatures | 1u << 1);

	for (unsigned int bit = 0; bit < 64; bit++)
		if (missing & 1ull << bit)
			differ(c, c->caps & (CPU_CAP_FPU | CPU_CAP_CPU),
			       arena_printf(c->report->arena, "register set %s",
					    cpu_x86_xfeature_name(bit)),
			       "the processor of the images has it, this one does not",
			       "restore on a processor that has it");
}

/* Instructions are lost only if they were there: what this processor has in addition matters to
 * --cpu-cap=cpu alone. */
static void compare_bit(struct comparison *c, unsigned int word, unsigned int bit, bool in_image)
{
	bool instructions = false;
	const char *name = cpu_x86_bit_name(word, bit, &instructions);
	const char *object;

	if (!in_image && !(c->caps & CPU_CAP_CPU))
		return;
	if (name)
		object = arena_printf(c->report->arena, "processor feature %s", name);
	else
		object = arena_printf(c->report->arena, "processor feature %u:%u", word, bit);
	if (!in_image)
		differ(c, true, object, "this processor has it, the one of the images does not",
		       "use --cpu-cap=ins: a feature more does no harm to most trees");
	else if (c->caps & CPU_CAP_CPU || (c->caps & CPU_CAP_INS && instructions))
		differ(c, true, object, "the processor of the images has it, this one does not",
		       instructions ? hint : "use --cpu-cap=ins: programs do not use it directly");
	else if (instructions)
		differ(c, false, object, "the processor of the images has it, this one does not",
		       "");
}

static void compare_words(struct comparison *c)
{
	for (unsigned int word = 0; word < CPU_X86_WORDS; word++) {
		uint32_t diff;

		if (!cpu_x86_word_known(word))
			continue;
		diff = c->image->capability[word] ^ c->here.words[word];
		for (unsigned int bit = 0; bit < 32; bit++)
			if (diff & 1u << bit)
				compare_bit(c, word, bit, c->image->capability[word] & 1u << bit);
	}
}

int cpuinfo_compare(const CpuinfoEntry *entry, unsigned int caps, struct report *report,
		    struct err *err)
{
	struct comparison c = { .caps = caps, .report = report };

	if (!entry->n_x86_entry)
		return err_set(err, ERR_CPU, ENOTSUP,
			       "cpuinfo.img describes a processor of another architecture");
	c.image = entry->x86_entry[0];
	if (c.image->capability_ver != CPU_X86_WORDS_VERSION ||
	    c.image->n_capability < CPU_X86_WORDS)
		return err_set(err, ERR_CPU, ENOTSUP,
			       "cpuinfo.img has version %u of the feature table, with %zu words; "
			       "known is version %u with %u",
			       c.image->capability_ver, c.image->n_capability,
			       CPU_X86_WORDS_VERSION, CPU_X86_WORDS);
	cpu_x86_read(&c.here);
	if ((unsigned int)c.image->vendor_id != c.here.vendor)
		differ(&c, caps & CPU_CAP_CPU, "processor vendor",
		       "the images come from a processor of another vendor",
		       "use --cpu-cap=fpu,ins: programs that run on both do not mind");
	compare_xfeatures(&c);
	compare_words(&c);
	return 0;
}
