/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's own memory, read and never written: a BPF program of a dozen instructions copies a
 * piece of it to a map (bpf_probe_read_kernel(), which fails where there is no memory), run for
 * each piece by BPF_PROG_TEST_RUN. It is attached to nothing, and gone with its descriptors.
 * Linux 5.10, with CAP_BPF and CAP_PERFMON (or CAP_SYS_ADMIN), and without the confidentiality
 * mode of lockdown. What is at which place of a structure tells btf.h.
 */
#ifndef KERNEL_KMEM_H
#define KERNEL_KMEM_H

#include <stddef.h>
#include <stdint.h>

struct kmem {
	int map, prog;
	char *window; /* of the map */
};

/* 0 or -errno: -EPERM without the privileges, -EINVAL where the kernel lacks it. */
int kmem_open(struct kmem *ret);
void kmem_close(struct kmem *k);

/* 0 or -errno (-EFAULT: there is nothing). */
int kmem_read(struct kmem *k, uint64_t addr, void *buf, size_t len);
/* The task_struct of the calling thread; 0: it can't be had. */
uint64_t kmem_current(struct kmem *k);

#endif
