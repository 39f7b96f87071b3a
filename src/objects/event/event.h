/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of the kernel's anonymous inode that make events: one class a file, and what they
 * share. */
#ifndef OBJECTS_EVENT_EVENT_H
#define OBJECTS_EVENT_EVENT_H

#include "objects/fown.h"
#include "objects/registry.h"

extern const struct file_class eventfd_class, timerfd_class, signalfd_class, eventpoll_class,
	pidfd_class, inotify_class, fanotify_class;
/* Finds the files that epolls watch, when all descriptors of the tree are known. */
extern const struct state_class eventpoll_state;
/* Exchanges pidfds of threads when there are threads. */
extern const struct state_class pidfd_state;

/* Is it an open file (not O_PATH) that shows as "anon_inode:" and this name? */
bool event_is(const struct file_probe *p, const char *name);
/* The value of a line of fdinfo, which has to be there: -EBADMSG with the error filled. */
int event_num(struct dump *d, const struct file_probe *p, const char *key, int base, uint64_t *ret);
/* What all entries have: their file's id, which is f's, and an owner. */
int event_check(struct restore *r, struct restore_file *f, const void *entry, uint32_t id,
		const FownEntry *fown);
/* Status flags of the new descriptor, by F_SETFL. */
int event_set_flags(struct restore_task *t, const struct restore_file *f, uint32_t flags, int fd);

#endif
