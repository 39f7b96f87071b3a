/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all families of descriptors share: how an object is called in reports, who gets its signals,
 * and how a call is made through the number that the program knows.
 *
 * Functions return 0 or a negative errno with the session's error filled, unless it is said
 * otherwise.
 */
#ifndef OBJECTS_FOWN_H
#define OBJECTS_FOWN_H

#include "objects/class.h"

/* How an object is called in the report and in errors. In the arena. */
const char *probe_object(const struct file_probe *p);

/* The owner of a description's signals, and the signal. */
int fown_collect(struct dump *d, const struct file_probe *p, FownEntry **ret);
void fown_check(struct restore *r, struct restore_file *f, const FownEntry *e, const char *object);
/* Most have none: fown_check would find nothing, and nobody needs the object's name. */
static inline bool fown_is_set(const FownEntry *e)
{
	return e->pid || e->pid_type || e->signum;
}

/* Owner and signal; and, last, O_ASYNC if it is in flags: contents have to be there already. */
int fown_attach(struct restore_task *t, const struct restore_file *f, const FownEntry *e,
		uint32_t flags, int fd);

/*
 * Some calls make the kernel remember the number of the descriptor that they came through (O_ASYNC,
 * EPOLL_CTL_ADD). Before the files have their final numbers such a call goes through a number that
 * is borrowed for it; what was there, maybe a descriptor of the tool's, is put back.
 */
struct number_loan {
	int number, saved, saved_flags;
};
/* From here on, fd is also `number`. 0 or -errno, the error is not filled. */
int number_borrow(int fd, int number, struct number_loan *ret_loan);
int number_return(const struct number_loan *loan);

#endif
