/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of a POSIX queue. Nobody can look at one without receiving it, so all are received and
 * sent again: received by falling priority and, within one, by age, they come to stand in the same
 * order. Whoever does that must not die in between. The tool may be killed at any instant; so a
 * process of its own does it, which has a session of its own, blocks all signals, and shares
 * nothing with the tool but the memory for the result.
 */
#include <errno.h>
#include <mqueue.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fault.h"
#include "kernel/child.h"
#include "objects/ipc/ipc.h"

struct copied {
	unsigned int priority;
	uint32_t len;
	char data[];
};

struct copy {
	int fd;
	size_t n, slot; /* messages at most, bytes for each */
	size_t size;	/* of the mapping */
	struct result {
		size_t n;
		int error;
	} * result;
};

static struct copied *message(const struct copy *c, size_t index)
{
	return (void *)((char *)(c->result + 1) + index * c->slot);
}

/* The descriptor does not block. */
static void receive_all(const struct copy *c)
{
	for (size_t n = 0; n < c->n; n++) {
		struct copied *m = message(c, n);
		ssize_t len = syscall(SYS_mq_timedreceive, c->fd, m->data, c->slot - sizeof(*m),
				      &m->priority, NULL);

		if (len < 0 && errno == EAGAIN)
			return;
		if (len < 0) {
			c->result->error = errno;
			return;
		}
		m->len = len;
		c->result->n = n + 1;
	}
}

static void send_all(const struct copy *c)
{
	for (size_t n = 0; n < c->result->n; n++) {
		const struct copied *m = message(c, n);

		if (syscall(SYS_mq_timedsend, c->fd, m->data, (size_t)m->len, m->priority, NULL) <
		    0)
			c->result->error = errno;
	}
}

static _Noreturn void run(const struct copy *c)
{
	setsid();
	receive_all(c);
	fault_hold("helper-messages");
	send_all(c);
	_exit(0);
}

static int copy_by_child(struct dump *d, const struct copy *c, const char *object)
{
	unsigned int seconds = d->s->opts->timeout;
	sigset_t all, before;
	pid_t pid;
	int ret, end;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		run(c);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (pid < 0)
		return -errno;
	ret = fault_at("dump-messages", dump_err(d));
	end = child_wait(pid, child_limit(seconds), NULL);
	if (end == -ETIMEDOUT) /* it has the messages: it must not be killed */
		return err_set(dump_err(d), ERR_TIMEOUT, ETIMEDOUT,
			       "process %d of crtools, which receives the messages of %s and sends "
			       "them again, has not come to an end within %u s (is it stopped?); "
			       "those that it has are back when it goes on",
			       pid, object, seconds);
	return ret < 0 ? ret : end < 0 ? end : -c->result->error;
}

static void keep(struct dump *d, const struct copy *c, CrtoolsMqueue *e)
{
	struct arena *a = dump_arena(d);

	for (size_t n = 0; n < c->result->n; n++) {
		const struct copied *in = message(c, n);
		CrtoolsMqueueMessage *m =
			arena_msg(a, CrtoolsMqueueMessage, crtools_mqueue_message);

		m->has_priority = m->has_data = true;
		m->priority = in->priority;
		m->data.len = in->len;
		m->data.data = arena_memdup(a, in->data, in->len);
		arena_push(a, e->message, e->n_message, m);
	}
}

int mqueue_messages_copy(struct dump *d, int fd, CrtoolsMqueue *e, const char *object)
{
	struct copy c = { .fd = fd, .n = e->max_messages };
	void *p;
	int ret;

	c.slot = (sizeof(struct copied) + e->message_size + 15) & ~UINT64_C(15);
	c.size = sizeof(struct result) + c.n * c.slot;
	p = mmap(NULL, c.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return err_sys(dump_err(d), "mmap", "no memory for the messages of %s", object);
	c.result = p;
	ret = copy_by_child(d, &c, object);
	if (ret < 0)
		ret = err_set(dump_err(d), ERR_KERNEL, -ret, "can't copy the messages of %s",
			      object);
	else
		keep(d, &c, e);
	munmap(p, c.size);
	return ret;
}

int mqueue_messages_send(int fd, const CrtoolsMqueue *e)
{
	for (size_t n = 0; n < e->n_message; n++) {
		const CrtoolsMqueueMessage *m = e->message[n];

		if (syscall(SYS_mq_timedsend, fd, m->data.data, m->data.len, m->priority, NULL) < 0)
			return -errno;
	}
	return 0;
}
