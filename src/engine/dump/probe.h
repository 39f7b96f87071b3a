/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel tells of a descriptor of a frozen task, before any class claims it. */
#ifndef ENGINE_PROBE_H
#define ENGINE_PROBE_H

#include "engine/dump/dump.h"

struct prober {
	struct hash fs_magic;  /* by st_dev: uint32_t */
	int self_fd;	       /* /proc/self/fd; -1: not open */
	int fdinfo, fdinfo_of; /* the tool's own fdinfo/<fdinfo_of> */
	bool short_way;	       /* for plain files of the table at hand */
};
#define PROBER_INIT                                                                                \
	{                                                                                          \
		.self_fd = -1, .fdinfo = -1                                                        \
	}

/* The open numbers of a task, ascending. */
int probe_numbers(struct dump_task *t, struct proc_fds *ret_fds);
/* A table of n descriptors comes. */
void prober_begin(struct prober *pr, struct dump *d, size_t n);
void prober_end(struct prober *pr);
/* p->local is the caller's, also after a failure. *ret_ask_cloexec: info.flags says nothing about
 * O_CLOEXEC, which has to be asked of the process. */
int probe_fd(struct prober *pr, const struct reader *r, struct dump_task *t, int fd,
	     struct file_probe *p, bool *ret_ask_cloexec);

/* files.c: is there a file that may be the same? Then it is not worth asking before they were
 * compared. Not while files are collected. */
bool file_may_be_known(const struct file_probe *p);

/* The asking, by the program of the table's owner. */
void emit_asked_fds(struct dump_task *t);
void absorb_asked_fds(struct dump_task *t);

#endif
