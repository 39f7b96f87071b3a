/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the members of the kernel's structures are, by the kernel's own description of its types
 * (/sys/kernel/btf/vmlinux, Linux 5.4 with CONFIG_DEBUG_INFO_BTF; its format: the kernel's
 * Documentation/bpf/btf.rst).
 */
#ifndef KERNEL_BTF_H
#define KERNEL_BTF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct btf;

/* 0 or -errno; -ENOENT: this kernel has none. */
int btf_open(struct btf **ret);
/* The same without mmap(2), which this file has from Linux 6.16 on. */
int btf_open_read(struct btf **ret);
void btf_close(struct btf *b);

/* "task_struct.files", "sk_buff_head.next": a structure, and a member of it, also one of a part
 * without a name. Where there are several structures of one name, the first that has the member.
 * Bytes, or -ENOENT. */
int btf_offset(struct btf *b, const char *path);
/* Many of them in one go through the types, which are tens of thousands where all have to be looked
 * at: ret[i] is that of paths[i]. 0, or -ENOENT: one is missing (its offset is -ENOENT). */
int btf_offsets(struct btf *b, const char *const *paths, size_t n, int *ret);

/* For a list of them, PLACES(X) with X(name, path):
 *	struct user { BTF_PLACES(PLACES); };	x.name
 *	BTF_FIND(b, PLACES, &x)			0 or -ENOENT
 */
#define BTF_PATH(name, path)   path,
#define BTF_MEMBER(name, path) int name;
#define BTF_ONE(name, path)    +1
#define BTF_PLACES(list)                                                                           \
	union {                                                                                    \
		struct {                                                                           \
			list(BTF_MEMBER)                                                           \
		};                                                                                 \
		int places[0 list(BTF_ONE)];                                                       \
	}
#define BTF_FIND(b, list, x)                                                                       \
	btf_offsets(b, (const char *const[]){ list(BTF_PATH) }, 0 list(BTF_ONE), (x)->places)

/* Of a structure; bytes, or -ENOENT. */
int btf_size(struct btf *b, const char *name);
/* The value of a constant of an enumeration; -ENOENT. */
int btf_enumerator(struct btf *b, const char *name);
/* The id of a function, by which a BPF program calls it; -ENOENT. */
int btf_function(struct btf *b, const char *name);

#endif
