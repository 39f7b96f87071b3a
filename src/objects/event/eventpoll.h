/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of the class of epolls: eventpoll.c (the class), eventpoll_match.c (dump), eventpoll_arm.c
 * (restore). */
#ifndef OBJECTS_EVENT_EVENTPOLL_H
#define OBJECTS_EVENT_EVENTPOLL_H

#include "objects/event/event.h"

/* An epoll of the tree, until its watches are matched with files: in dump.priv[SLOT_EPOLL]. */
struct epoll_out {
	struct dump_task *task; /* has it as descriptor fd */
	int fd;
	const char *object;
	EventpollFileEntry *e;
	CrtoolsEpollEntry *extra; /* NULL: every number is that of the file it was added by */
};
struct epolls_out {
	struct epoll_out **list;
	size_t n;
	bool matched, written;
};

struct watch {
	const EventpollTfdEntry *e;
	int number; /* by which it was added */
	struct restore_file *target;
	bool armed; /* in the task, before attach */
};

/* Adds a watch to the epoll fd; target is a descriptor of what it watches. */
int watch_arm(struct restore_task *t, const struct restore_file *epoll, const struct watch *w,
	      int fd, int target);
/* Has it fired, with EPOLLONESHOT? Such ones have to be added before all others. */
bool watch_is_spent(const struct watch *w);

#endif
