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
void btf_close(struct btf *b);

/* "task_struct.files", "sk_buff_head.next": a structure, and a member of it, also one of a part
 * without a name. Where there are several structures of one name, the first that has the member.
 * Bytes, or -ENOENT. */
int btf_offset(const struct btf *b, const char *path);
/* Of a structure; bytes, or -ENOENT. */
int btf_size(const struct btf *b, const char *name);
/* The id of a function, by which a BPF program calls it; -ENOENT. */
int btf_function(const struct btf *b, const char *name);

#endif
