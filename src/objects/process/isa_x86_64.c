/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instruction sets that mapped programs and libraries can't do without. A linker writes them into
 * the file, as a note of the GNU property type (x86-64 psABI, "Program Property"): of
 * GNU_PROPERTY_X86_ISA_1_NEEDED, a bit a level, from the baseline of 2003 to AVX-512. What a
 * program finds out about its processor as it starts, and uses then, is written nowhere: for that
 * there is cpuinfo.img (model/cpuinfo.h).
 *
 * Files that can't be opened by their names here are left to those whose business that is.
 */
#include "objects/process/isa_x86_64.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "image/constants.h"
#include "kernel/cpu_x86_64.h"
#include "objects/process/process.h"
#include "objects/registry.h"

#ifndef PT_GNU_PROPERTY
#define PT_GNU_PROPERTY 0x6474e553
#endif
#define NOTE_PROPERTIES 5	   /* NT_GNU_PROPERTY_TYPE_0 */
#define X86_ISA_NEEDED	0xc0008002 /* GNU_PROPERTY_X86_ISA_1_NEEDED */
#define SEGMENTS_MAX	64
#define NOTES_MAX	4096 /* bytes */

/* --- what a file says --------------------------------------------------------------------------- */

/* The properties of one note: type, length, data, filled up to eight bytes. */
static uint32_t find_property(const unsigned char *data, size_t len)
{
	for (size_t at = 0; len - at >= 8;) {
		uint32_t type, size, value;

		memcpy(&type, data + at, sizeof(type));
		memcpy(&size, data + at + 4, sizeof(size));
		if (size > len - at - 8)
			break;
		if (type == X86_ISA_NEEDED && size == sizeof(value)) {
			memcpy(&value, data + at + 8, sizeof(value));
			return value;
		}
		at += 8 + ((size + UINT64_C(7)) & ~UINT64_C(7));
		if (at > len)
			break;
	}
	return 0;
}

static uint32_t find_in_notes(const unsigned char *notes, size_t len)
{
	for (size_t at = 0; len - at >= sizeof(Elf64_Nhdr) + 4;) {
		uint64_t name, data;
		Elf64_Nhdr head;

		memcpy(&head, notes + at, sizeof(head));
		name = at + sizeof(head);
		data = name + ((head.n_namesz + UINT64_C(3)) & ~UINT64_C(3));
		if (data > len || head.n_descsz > len - data)
			break;
		if (head.n_type == NOTE_PROPERTIES && head.n_namesz == 4 &&
		    !memcmp(notes + name, "GNU", 4))
			return find_property(notes + data, head.n_descsz);
		at = data + ((head.n_descsz + UINT64_C(7)) & ~UINT64_C(7));
		if (at > len)
			break;
	}
	return 0;
}

/* 0: nothing beyond the baseline, or no file that says so. */
static uint32_t read_needed(int fd)
{
	Elf64_Phdr segments[SEGMENTS_MAX];
	unsigned char notes[NOTES_MAX];
	Elf64_Ehdr head;
	size_t n;

	if (pread_full(fd, &head, sizeof(head), 0) < 0 || memcmp(head.e_ident, ELFMAG, SELFMAG) ||
	    head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_machine != EM_X86_64 ||
	    head.e_phentsize != sizeof(segments[0]))
		return 0;
	n = head.e_phnum < SEGMENTS_MAX ? head.e_phnum : SEGMENTS_MAX;
	if (head.e_phoff > INT64_MAX / 2 ||
	    pread_full(fd, segments, n * sizeof(segments[0]), head.e_phoff) < 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		size_t len = segments[i].p_filesz < sizeof(notes) ? segments[i].p_filesz
								  : sizeof(notes);

		if (segments[i].p_type == PT_GNU_PROPERTY && segments[i].p_offset < INT64_MAX / 2 &&
		    pread_full(fd, notes, len, segments[i].p_offset) == 0)
			return find_in_notes(notes, len);
	}
	return 0;
}

static int open_plain(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return -1;
	return open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

/* --- what the processor has ----------------------------------------------------------------------
 */

/* Word and bit of struct cpu_x86, and the level that they belong to; psABI, "Microarchitecture
 * levels". */
static const struct {
	uint8_t level, word, bit;
} parts[] = {
	{ 2, 4, 13 }, /* cx16 */
	{ 2, 6, 0 },  /* lahf_lm */
	{ 2, 4, 23 }, /* popcnt */
	{ 2, 4, 0 },  /* sse3 */
	{ 2, 4, 9 },  /* ssse3 */
	{ 2, 4, 19 }, /* sse4_1 */
	{ 2, 4, 20 }, /* sse4_2 */
	{ 3, 4, 28 }, /* avx */
	{ 3, 9, 5 },  /* avx2 */
	{ 3, 9, 3 },  /* bmi1 */
	{ 3, 9, 8 },  /* bmi2 */
	{ 3, 4, 29 }, /* f16c */
	{ 3, 4, 12 }, /* fma */
	{ 3, 6, 5 },  /* abm: lzcnt */
	{ 3, 4, 22 }, /* movbe */
	{ 4, 9, 16 }, /* avx512f */
	{ 4, 9, 30 }, /* avx512bw */
	{ 4, 9, 28 }, /* avx512cd */
	{ 4, 9, 17 }, /* avx512dq */
	{ 4, 9, 31 }, /* avx512vl */
};
#define LEVEL_LAST 4

/* The names of what this processor lacks of the levels that are needed; "" if nothing. */
static const char *lacking(struct arena *a, uint32_t needed)
{
	const char *list = "";
	struct cpu_x86 cpu;

	cpu_x86_read(&cpu);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (needed >> (parts[i].level - 1) &&
		    !(cpu.words[parts[i].word] & UINT32_C(1) << parts[i].bit))
			list = arena_printf(a, "%s%s%s", list, *list ? ", " : "",
					    cpu_x86_bit_name(parts[i].word, parts[i].bit, NULL));
	return list;
}

/* 0: none is asked for. */
static int highest_level(uint32_t needed)
{
	return needed ? 32 - __builtin_clz(needed) : 0;
}

/* --- check ---------------------------------------------------------------------------------------
 */

static void judge(struct restore_task *t, const char *path, uint32_t needed)
{
	struct arena *a = restore_arena(t->r);
	int level = highest_level(needed);
	const char *text, *list;

	if (level < 2)
		return;
	list = lacking(a, needed);
	if (level > LEVEL_LAST)
		text = arena_printf(a,
				    "is built for a processor of a level (%d) that crtools does "
				    "not know",
				    level);
	else if (*list)
		text = arena_printf(a, "is built for x86-64-v%d, and this processor lacks %s",
				    level, list);
	else
		return;
	if (t->r->s->opts->cpu_cap & CPU_CAP_INS)
		restored_refuse(
			t, path, text,
			"restore on a processor that has it; --cpu-cap=fpu lets the restore try");
	else
		restored_warn(t, path, text, "");
}

/* Each file once a run. */
int isa_check(struct restore_task *t)
{
	struct hash *seen = t->r->priv[SLOT_ISA];

	if (!seen) {
		seen = t->r->priv[SLOT_ISA] = arena_new(restore_arena(t->r), struct hash);
		session_own_hash(t->r->s, seen);
	}
	for (size_t i = 0; i < t->n_vmas; i++) {
		const VmaEntry *e = t->vmas[i].e;
		_cleanup_fd_ int fd = -1;
		struct restore_file *f;

		if (!(e->prot & PROT_EXEC) || !(e->status & (VMA_FILE_PRIVATE | VMA_FILE_SHARED)))
			continue;
		f = restore_file_by_id(t->r, e->shmid);
		if (!f || f->entry->type != FD_TYPES__REG || !f->entry->reg ||
		    hash_get(seen, f->id + UINT64_C(1)))
			continue;
		hash_put(seen, f->id + UINT64_C(1), f);
		fd = open_plain(f->entry->reg->name);
		if (fd >= 0)
			judge(t, f->entry->reg->name, read_needed(fd));
	}
	return 0;
}
