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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/btf.h"

/* The ways to an open file's private data, and from a pidfd to its task. */
/* clang-format off */
#define KMEM_PLACES(X)                                                                             \
	X(files, "task_struct.files")                                                              \
	X(table, "files_struct.fdt")                                                               \
	X(table_fds, "fdtable.fd")                                                                 \
	X(file_private, "file.private_data")                                                       \
	X(file_inode, "file.f_inode")                                                              \
	X(inode_private, "inode.i_private")                                                        \
	X(pid_tasks, "pid.tasks")                                                                  \
	X(task_pid_links, "task_struct.pid_links")
/* clang-format on */

struct kmem {
	int map, prog;
	char *window;	 /* of the map */
	uint64_t direct; /* kmem_find_pages(): where memory is mapped; 0: not known */
	uint64_t pages;	 /* where the struct pages are */
	int struct_size, page_size;
	struct {
		BTF_PLACES(KMEM_PLACES);
	} at;
};

/* 0 or -errno: -EPERM without the privileges, -EINVAL where the kernel lacks it. */
int kmem_open(struct kmem *ret, struct btf *b);
void kmem_close(struct kmem *k);

/* The memory and the description of its types, opened by the first who asks, and once, as that
 * costs a millisecond: {} before. 0 or -errno, the same each time. */
struct kmem_view {
	struct kmem memory;
	struct btf *types;
	bool tried;
	int error;
};
int kmem_view_open(struct kmem_view *v);
void kmem_view_close(struct kmem_view *v);

/* 0 or -errno (-EFAULT: there is nothing). */
int kmem_read(struct kmem *k, uint64_t addr, void *buf, size_t len);
/* A pointer that stands offset bytes behind base; 0: there is none, or base is 0. */
uint64_t kmem_pointer(struct kmem *k, uint64_t base, int offset);
/* The task_struct of the calling thread; 0: it can't be had. */
uint64_t kmem_current(struct kmem *k);
/* The task_struct of a process, by a pidfd of the tool's; 0. */
uint64_t kmem_task(struct kmem *k, int pidfd);
/* What the kernel has for an open file of this process (file.private_data): a struct socket, a
 * pipe_inode_info; 0. */
uint64_t kmem_private(struct kmem *k, int fd);

/* Before kmem_page(); 0 or -errno. Takes the right to see numbers of pages (CAP_SYS_ADMIN). */
int kmem_find_pages(struct kmem *k, struct btf *b);
/* The contents of a struct page; 0: not known. */
uint64_t kmem_page(const struct kmem *k, uint64_t page);

/* How far each processor's part is from what a __percpu pointer says. */
struct kmem_processors {
	uint64_t *distance; /* of the user's; malloc'ed */
	size_t n;
};
/* 0 or -errno. Linux 5.19. */
int kmem_find_processors(struct kmem *k, struct btf *b, struct kmem_processors *ret);
/* Of a 32-bit word that each processor has its own of. 0 or -errno. */
int kmem_sum(struct kmem *k, const struct kmem_processors *p, uint64_t per_cpu, uint32_t *ret);

#endif
