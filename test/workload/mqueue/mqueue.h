/* SPDX-License-Identifier: Apache-2.0 */
/* What workloads of message queues share: a queue of ten messages, filled with five. */
#ifndef WORKLOAD_MQUEUE_H
#define WORKLOAD_MQUEUE_H

#define _GNU_SOURCE
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

#define MQ_SIZE 64

struct mqueue_state {
	struct wl_fd fd;
	struct mq_attr attr;
	char status[128]; /* size of the messages, and who is notified how */
};

static inline mqd_t mqueue_make(const char *name, int flags)
{
	struct mq_attr attr = { .mq_maxmsg = 10, .mq_msgsize = MQ_SIZE };
	mqd_t q = wl_try(mq_open(name, flags | O_CREAT | O_EXCL, 0600, &attr));

	wl_try(fchmod(q, 0640));
	return q;
}

static inline void mqueue_fill(mqd_t q)
{
	wl_try(mq_send(q, "low", 3, 1));
	wl_try(mq_send(q, "high", 4, 20));
	wl_try(mq_send(q, "", 0, 5));
	wl_try(mq_send(q, "second high", 11, 20));
	wl_try(mq_send(q, "second low", 10, 1));
}

static inline void mqueue_receive(mqd_t q, const char *text, unsigned int priority)
{
	char buf[MQ_SIZE];
	unsigned int got;

	wl_check_eq(mq_receive(q, buf, sizeof(buf), &got), strlen(text));
	wl_check(!memcmp(buf, text, strlen(text)));
	wl_check_eq(got, priority);
}

static inline void mqueue_drain(mqd_t q)
{
	struct mq_attr attr;

	mqueue_receive(q, "high", 20);
	mqueue_receive(q, "second high", 20);
	mqueue_receive(q, "", 5);
	mqueue_receive(q, "low", 1);
	mqueue_receive(q, "second low", 1);
	wl_try(mq_getattr(q, &attr));
	wl_check_eq(attr.mq_curmsgs, 0);
}

static inline void mqueue_look(mqd_t q, struct mqueue_state *s)
{
	char *name = wl_format("/proc/self/fd/%d", q);
	int fd;

	memset(s, 0, sizeof(*s));
	wl_fd_save(q, &s->fd);
	wl_try(mq_getattr(q, &s->attr));
	fd = wl_try(open(name, O_RDONLY));
	wl_try(read(fd, s->status, sizeof(s->status) - 1));
	/* Closing it would end a notification of this process. */
	wl_check(fd >= 0);
}

static inline void mqueue_compare(mqd_t q, const struct mqueue_state *was)
{
	struct mqueue_state now;

	mqueue_look(q, &now);
	wl_fd_check(q, &was->fd);
	wl_check_text("the queue's state", now.status, was->status);
	wl_check_eq(now.attr.mq_flags, was->attr.mq_flags);
	wl_check_eq(now.attr.mq_maxmsg, was->attr.mq_maxmsg);
	wl_check_eq(now.attr.mq_msgsize, was->attr.mq_msgsize);
	wl_check_eq(now.attr.mq_curmsgs, was->attr.mq_curmsgs);
}

#endif
