/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of verify.c share: the set as far as it is known, and the check of one entry. */
#ifndef IMAGE_CHECK_H
#define IMAGE_CHECK_H

#include "base/hash.h"
#include "image/internal.h"
#include "image/verify.h"

struct verify {
	const struct image_dir *dir;
	struct err *err;
	struct arena arena; /* of the whole check */
	size_t page_size;

	PstreeEntry **tasks;
	size_t n_tasks;
	struct hash tids;     /* virtual tid -> its PstreeEntry */
	bool has_files;	      /* else the files are in the images of old versions */
	struct hash files;    /* id -> FileEntry; a tun file's is the TUNF one */
	struct hash tun_regs; /* id -> RegFileEntry, of those that are half of a tun file */
	struct hash memfds;   /* inode_id -> MemfdInodeEntry */
	struct hash ttys;     /* id -> TtyInfoEntry */
	size_t n_filters;     /* of seccomp.img */

	/* The image that is being read. */
	const char *name;
	enum image_kind kind;
	uint64_t key;
	unsigned entry;
	bool plain; /* its enums are known to be right */
	/* Of this image: the end of the last range, pages counted, descriptors met. */
	uint64_t last_end;
	uint64_t present_pages;
	struct hash fds;   /* from FD_BITS on */
	uint64_t *fd_bits; /* below; NULL: none yet */
};

#define FD_BITS 16384 /* of most tasks all: two KiB in place of a hash */

/* The entry's field is wrong; returns -EINVAL. */
int check_fail(struct verify *v, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* A file of this type must be there: type is an FdTypes, or -1 for any. */
int check_file_id(struct verify *v, const char *field, uint64_t id, int type);

/* check_tree.c */
int check_load_tree(struct verify *v);
int check_tasks(struct verify *v);
int check_core(struct verify *v, const CoreEntry *core);
/* check_files.c */
int check_load_files(struct verify *v);
int check_file(struct verify *v, const FileEntry *file);
int check_fdinfo(struct verify *v, const FdinfoEntry *fd);
/* Another image is begun. */
void check_forget_fds(struct verify *v);
int check_remap(struct verify *v, const RemapFilePathEntry *remap);
int check_packet(struct verify *v, const SkPacketEntry *packet);
int check_ghost(struct verify *v, const ProtobufCMessage *msg);
/* check_memory.c */
int check_mm(struct verify *v, const MmEntry *mm);
int check_pagemap(struct verify *v);

#endif
