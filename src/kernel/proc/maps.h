/* SPDX-License-Identifier: Apache-2.0 */
/* The areas of a process: /proc/PID/maps and /proc/PID/smaps, one parser for both. */
#ifndef KERNEL_PROC_MAPS_H
#define KERNEL_PROC_MAPS_H

#include "kernel/proc/proc.h"

/* VmFlags of smaps: VMF(name, two letters). Names follow the kernel's VM_* (fs/proc/task_mmu.c,
 * show_smap_vma_flags), Linux 3.8 to 6.19. */
/* clang-format off */
#define VMF_LIST \
	VMF(READ, 'r', 'd') VMF(WRITE, 'w', 'r') VMF(EXEC, 'e', 'x') VMF(SHARED, 's', 'h') \
	VMF(MAYREAD, 'm', 'r') VMF(MAYWRITE, 'm', 'w') VMF(MAYEXEC, 'm', 'e') \
	VMF(MAYSHARE, 'm', 's') VMF(GROWSDOWN, 'g', 'd') VMF(PFNMAP, 'p', 'f') \
	VMF(DENYWRITE, 'd', 'w') VMF(LOCKED, 'l', 'o') VMF(IO, 'i', 'o') \
	VMF(SEQ_READ, 's', 'r') VMF(RAND_READ, 'r', 'r') VMF(DONTCOPY, 'd', 'c') \
	VMF(DONTEXPAND, 'd', 'e') VMF(LOCKONFAULT, 'l', 'f') VMF(ACCOUNT, 'a', 'c') \
	VMF(NORESERVE, 'n', 'r') VMF(HUGETLB, 'h', 't') VMF(SYNC, 's', 'f') \
	VMF(NONLINEAR, 'n', 'l') VMF(ARCH_1, 'a', 'r') VMF(WIPEONFORK, 'w', 'f') \
	VMF(DONTDUMP, 'd', 'd') VMF(ARM64_BTI, 'b', 't') VMF(SOFTDIRTY, 's', 'd') \
	VMF(MIXEDMAP, 'm', 'm') VMF(HUGEPAGE, 'h', 'g') VMF(NOHUGEPAGE, 'n', 'h') \
	VMF(MERGEABLE, 'm', 'g') VMF(UFFD_MISSING, 'u', 'm') VMF(UFFD_WP, 'u', 'w') \
	VMF(UFFD_MINOR, 'u', 'i') VMF(MTE, 'm', 't') VMF(SHADOW_STACK, 's', 's') \
	VMF(SEALED, 's', 'l') VMF(DROPPABLE, 'd', 'p') VMF(MPX, 'm', 'p') \
	VMF(MAYBE_GUARD, 'g', 'u')
/* clang-format on */

enum vmf_bit {
#define VMF(name, a, b) VMF_BIT_##name,
	VMF_LIST
#undef VMF
		VMF_BIT_UNKNOWN =
			63, /* a code that this list lacks: proc_area.unknown_flag has the first */
};
#define VMF_(name) (UINT64_C(1) << VMF_BIT_##name) /* VMF_(LOCKED), VMF_(UNKNOWN) */

struct proc_area {
	uint64_t start, end; /* [start, end) */
	uint64_t offset;     /* bytes into the file */
	uint32_t major, minor;
	uint64_t ino;
	/* The path, unescaped; "[heap]", "[anon:NAME]", "[anon_shmem:NAME]", "[vdso]" …; "" for
	 * plain anonymous memory. Never NULL. Neighbours with the same path share the pointer. */
	const char *path;
	/* Of smaps, what is needed: there are tens of thousands of areas. */
	uint64_t vmflags;	    /* VMF_() bits */
	uint32_t rss_kb, swap_kb;   /* KiB; what is more than fits counts as that */
	uint32_t shared_dirty_kb;   /* that other processes have mapped, too */
	uint32_t shared_hugetlb_kb; /* not in rss_kb */
	uint32_t kernel_page_kb;    /* 4, 2048, 1048576 */
	int8_t pkey;		    /* ProtectionKey; -1: the CPU or kernel has none */
	bool has_smaps;		    /* these fields are valid */
	char unknown_flag[3];	    /* "" or the first code not in VMF_LIST */
	uint8_t prot;		    /* PROT_READ | PROT_WRITE | PROT_EXEC */
	bool shared;
	bool deleted; /* " (deleted)" followed the path; it is cut off */
};

struct proc_areas {
	struct proc_area *areas; /* ascending */
	size_t n;
};

/* A zombie or kernel thread has no memory: n is 0. Of a name, newlines alone are escaped by the
 * kernel, ambiguously: who must know reads the link in map_files. */
int proc_maps(const struct proc *p, struct arena *a, struct proc_areas *ret, struct err *err);
/* Slower than maps: the kernel walks the page tables of every area. */
int proc_smaps(const struct proc *p, struct arena *a, struct proc_areas *ret, struct err *err);
int proc_areas_parse(struct arena *a, const char *text, size_t len, struct proc_areas *ret);

/* The area that holds addr, or NULL; by bisection. */
const struct proc_area *proc_areas_find(const struct proc_areas *areas, uint64_t addr);
/* The two-letter code of a bit, or NULL. */
const char *vmf_code(enum vmf_bit bit);

#endif
