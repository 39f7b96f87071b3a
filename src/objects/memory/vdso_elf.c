/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See vdso_elf.h. A vdso is a small ELF library whose first PT_LOAD begins at its first byte; its
 * symbols are found through PT_DYNAMIC as the dynamic linker does (vdso(7)). It may come from an
 * image: every offset is held against the size.
 */
#include "objects/memory/vdso_elf.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

#include "objects/memory/vdso_code.h"

/* Both sizes of ELF in the wider one's terms. */
struct dynamic {
	uint64_t symtab, strtab, strsz, hash, gnu_hash;
};

static const void *at(const struct vdso_image *v, uint64_t off, size_t len)
{
	return off <= v->size && len <= v->size - off ? v->bytes + off : NULL;
}

static bool read_segment(const struct vdso_image *v, uint64_t off, Elf64_Phdr *ret)
{
	Elf32_Phdr narrow;
	const void *p = at(v, off, v->wide ? sizeof(*ret) : sizeof(narrow));

	if (!p)
		return false;
	if (v->wide) {
		memcpy(ret, p, sizeof(*ret));
		return true;
	}
	memcpy(&narrow, p, sizeof(narrow));
	*ret = (Elf64_Phdr){ .p_type = narrow.p_type,
			     .p_offset = narrow.p_offset,
			     .p_vaddr = narrow.p_vaddr,
			     .p_filesz = narrow.p_filesz };
	return true;
}

static bool read_word_pair(const struct vdso_image *v, uint64_t off, uint64_t *ret_tag,
			   uint64_t *ret_val)
{
	uint32_t narrow[2];
	uint64_t wide[2];
	const void *p = at(v, off, v->wide ? sizeof(wide) : sizeof(narrow));

	if (!p)
		return false;
	if (v->wide) {
		memcpy(wide, p, sizeof(wide));
		*ret_tag = wide[0];
		*ret_val = wide[1];
	} else {
		memcpy(narrow, p, sizeof(narrow));
		*ret_tag = narrow[0];
		*ret_val = narrow[1];
	}
	return true;
}

static int read_dynamic(const struct vdso_image *v, const Elf64_Phdr *ph, uint64_t base,
			struct dynamic *ret)
{
	uint64_t step = v->wide ? 16 : 8, tag, val;

	*ret = (struct dynamic){ 0 };
	for (uint64_t off = 0; off + step <= ph->p_filesz; off += step) {
		if (!read_word_pair(v, ph->p_offset + off, &tag, &val))
			return -EBADMSG;
		switch (tag) {
		case DT_NULL:
			return ret->symtab && ret->strtab && ret->strsz ? 0 : -EBADMSG;
		case DT_SYMTAB:
			ret->symtab = val - base;
			break;
		case DT_STRTAB:
			ret->strtab = val - base;
			break;
		case DT_STRSZ:
			ret->strsz = val;
			break;
		case DT_HASH:
			ret->hash = val - base;
			break;
		case DT_GNU_HASH:
			ret->gnu_hash = val - base;
			break;
		}
	}
	return -EBADMSG;
}

static int find_dynamic(struct vdso_image *v, struct dynamic *ret)
{
	uint64_t phoff, base = 0;
	Elf64_Phdr ph, dynamic = { .p_type = PT_NULL };
	unsigned int n;

	if (v->size < sizeof(Elf64_Ehdr) || memcmp(v->bytes, ELFMAG, SELFMAG))
		return -EBADMSG;
	v->wide = v->bytes[EI_CLASS] == ELFCLASS64;
	if (v->wide) {
		phoff = ((const Elf64_Ehdr *)v->bytes)->e_phoff;
		n = ((const Elf64_Ehdr *)v->bytes)->e_phnum;
	} else {
		phoff = ((const Elf32_Ehdr *)v->bytes)->e_phoff;
		n = ((const Elf32_Ehdr *)v->bytes)->e_phnum;
	}
	for (unsigned int i = 0; i < n; i++) {
		if (!read_segment(v,
				  phoff + i * (v->wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)),
				  &ph))
			return -EBADMSG;
		if (ph.p_type == PT_LOAD)
			base = ph.p_vaddr - ph.p_offset;
		else if (ph.p_type == PT_DYNAMIC)
			dynamic = ph;
	}
	return dynamic.p_type == PT_DYNAMIC ? read_dynamic(v, &dynamic, base, ret) : -EBADMSG;
}

static bool read_u32(const struct vdso_image *v, uint64_t off, uint32_t *ret)
{
	const void *p = at(v, off, 4);

	if (p)
		memcpy(ret, p, 4);
	return p != NULL;
}

/* The GNU hash table does not say how many symbols there are: the end of the last chain does. */
static int count_by_gnu_hash(const struct vdso_image *v, uint64_t off, uint32_t *ret)
{
	uint32_t buckets, first, bloom, highest = 0, entry;
	uint64_t chains;

	if (!read_u32(v, off, &buckets) || !read_u32(v, off + 4, &first) ||
	    !read_u32(v, off + 8, &bloom) || buckets > v->size || bloom > v->size)
		return -EBADMSG;
	off += 16 + (uint64_t)bloom * (v->wide ? 8 : 4);
	chains = off + (uint64_t)buckets * 4;
	for (uint32_t i = 0; i < buckets; i++) {
		if (!read_u32(v, off + i * 4, &entry))
			return -EBADMSG;
		if (entry > highest)
			highest = entry;
	}
	*ret = first;
	if (highest < first)
		return 0;
	for (;; highest++) {
		if (!read_u32(v, chains + (uint64_t)(highest - first) * 4, &entry))
			return -EBADMSG;
		if (entry & 1)
			break;
	}
	*ret = highest + 1;
	return 0;
}

static int count_symbols(const struct vdso_image *v, const struct dynamic *d, uint32_t *ret)
{
	if (d->hash)
		return read_u32(v, d->hash + 4, ret) ? 0 : -EBADMSG;
	return d->gnu_hash ? count_by_gnu_hash(v, d->gnu_hash, ret) : -EBADMSG;
}

static bool read_symbol(const struct vdso_image *v, const struct dynamic *d, uint32_t i,
			Elf64_Sym *ret)
{
	Elf32_Sym narrow;
	size_t len = v->wide ? sizeof(*ret) : sizeof(narrow);
	const void *p = at(v, d->symtab + i * (uint64_t)len, len);

	if (!p)
		return false;
	if (v->wide) {
		memcpy(ret, p, sizeof(*ret));
	} else {
		memcpy(&narrow, p, sizeof(narrow));
		*ret = (Elf64_Sym){ .st_name = narrow.st_name,
				    .st_info = narrow.st_info,
				    .st_shndx = narrow.st_shndx,
				    .st_value = narrow.st_value };
	}
	return true;
}

static int add_symbol(struct vdso_image *v, const struct dynamic *d, const Elf64_Sym *sym)
{
	const char *name;
	size_t left;

	if (ELF64_ST_TYPE(sym->st_info) != STT_FUNC || sym->st_shndx == SHN_UNDEF)
		return 0;
	if (sym->st_name >= d->strsz || sym->st_value >= v->size || v->n == VDSO_SYMBOLS)
		return -EBADMSG;
	left = d->strsz - sym->st_name;
	name = at(v, d->strtab + sym->st_name, left);
	if (!name || !memchr(name, 0, left))
		return -EBADMSG;
	v->symbols[v->n++] = (struct vdso_symbol){ .name = name, .value = sym->st_value };
	return 0;
}

static void measure_rooms(struct vdso_image *v)
{
	for (size_t i = 0; i < v->n; i++) {
		uint64_t end = v->size;

		for (size_t k = 0; k < v->n; k++)
			if (v->symbols[k].value > v->symbols[i].value && v->symbols[k].value < end)
				end = v->symbols[k].value;
		v->symbols[i].room = end - v->symbols[i].value;
	}
}

int vdso_parse(const void *bytes, size_t size, struct vdso_image *ret)
{
	struct vdso_image v = { .bytes = bytes, .size = size };
	struct dynamic d;
	uint32_t n;
	int err = find_dynamic(&v, &d);

	if (err == 0)
		err = count_symbols(&v, &d, &n);
	for (uint32_t i = 0; err == 0 && i < n; i++) {
		Elf64_Sym sym;

		err = read_symbol(&v, &d, i, &sym) ? add_symbol(&v, &d, &sym) : -EBADMSG;
	}
	if (err < 0)
		return err;
	measure_rooms(&v);
	*ret = v;
	return 0;
}

/* --- relinking -------------------------------------------------------------------------------- */

/* Without "__vdso_" or "__kernel_"; the x86 vdso has most names twice. */
static const char *plain(const char *name)
{
	if (!strncmp(name, "__vdso_", 7))
		return name + 7;
	return !strncmp(name, "__kernel_", 9) ? name + 9 : name;
}

static const struct vdso_symbol *find(const struct vdso_image *v, const char *name)
{
	for (size_t i = 0; i < v->n; i++)
		if (!strcmp(plain(v->symbols[i].name), plain(name)))
			return &v->symbols[i];
	return NULL;
}

/* Code that reads none of the kernel's data is as good as the new one. */
static bool needs_nothing(const char *name)
{
	return strstr(name, "sigreturn") || strstr(name, "sgx_enter_enclave");
}

/* Linux 7.2's __vdso_futex_robust_list64_try_unlock() reads and writes nothing but the program's
 * lock and list: on a kernel without, it stays. That kernel does not know where it is when a thread
 * is killed in the middle of it; its own programs have the same window. */
static bool needs_no_kernel(const char *name)
{
	return strstr(name, "futex_robust_list");
}

int vdso_relink(unsigned char *bytes, const struct vdso_image *old, uint64_t old_at,
		const struct vdso_image *new, uint64_t new_at, const char **ret_name)
{
	for (size_t i = 0; i < old->n; i++) {
		const struct vdso_symbol *s = &old->symbols[i], *to = find(new, s->name);
		unsigned char code[VDSO_CODE_MAX];
		size_t len;

		if (needs_nothing(s->name) || (!to && needs_no_kernel(s->name)))
			continue;
		if (s->room < sizeof(uint32_t))
			return -ENOSPC;
		len = to	  ? vdso_code_jump(old->wide, bytes + s->value, old_at + s->value,
						   new_at + to->value, code)
		      : old->wide ? vdso_code_call(plain(s->name), bytes + s->value, code)
				  : 0;
		*ret_name = s->name;
		if (!len)
			return -ENOENT;
		if (len > s->room)
			return -ENOSPC;
		memcpy(bytes + s->value, code, len);
	}
	return 0;
}
