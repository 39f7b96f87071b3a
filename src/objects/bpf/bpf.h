/* SPDX-License-Identifier: Apache-2.0 */
/* Maps of BPF: see README.md. */
#ifndef OBJECTS_BPF_BPF_H
#define OBJECTS_BPF_BPF_H

#include "kernel/bpf.h"
#include "objects/class.h"

extern const struct file_class bpfmap_class;

/* --- call.c: 0 (or a descriptor), or -errno
 * ------------------------------------------------------- */

int bpf_map_info(int fd, struct bpf_map_info *ret);
/* A description of its own of the map with this id: open_flags are BPF_F_RDONLY, BPF_F_WRONLY or 0.
 * It takes CAP_SYS_ADMIN. */
int bpf_map_by_id(uint32_t id, uint32_t open_flags);
/* Bytes of a value as they cross to the program: one for each possible processor, or one. 0: the
 * number of processors can't be read. */
uint64_t bpf_value_size(uint32_t type, uint32_t value_size);
/* Is a map of this type kept? *ret_queue (may be NULL): it is a queue or stack, of which to look at
 * an element takes it out. NULL: yes; else what it is, for a refusal. */
const char *bpf_type_refused(uint32_t type, bool *ret_queue);

/* --- map_data.c
 * ----------------------------------------------------------------------------------- */

struct bpf_elements {
	unsigned char *keys, *values;
	uint64_t n;
};

/* All that the map holds. 0 or -errno; what is in *ret is the caller's to free(), also then. */
int bpf_map_read(int fd, const struct bpf_map_info *info, struct bpf_elements *ret);
int bpf_map_fill(int fd, const void *keys, const void *values, uint32_t n);

/* --- map_queue.c: of a queue or stack
 * ----------------------------------------------------------------------------------- */

/* Can the kernel's memory be read? */
bool bpf_queue_is_readable(struct dump *d);
/* As bpf_map_read(): the oldest one first, and no keys. */
int bpf_queue_read(struct dump *d, int fd, const struct bpf_map_info *info,
		   struct bpf_elements *ret);
int bpf_queue_fill(int fd, const unsigned char *values, uint32_t value_size, uint32_t n);

/* --- map_restore.c
 * -------------------------------------------------------------------------------- */

int bpfmap_check(struct restore *r, struct restore_file *f);
int bpfmap_open(struct restore_task *t, struct restore_file *f, int *ret_fd);
int bpfmap_attach(struct restore_task *t, struct restore_file *f, int fd);

#endif
