/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking into a queue behind its first message takes SO_PEEK_OFF, a number in the socket itself
 * that has to be put back. Should the tool be killed meanwhile, it would stay: so that is done by
 * a child that shares the tool's memory and descriptors, and ends by itself.
 *
 * It uses the stack and the errno of a thread that waits for it (CLONE_VFORK), so that the tool can
 * wait for no longer than --timeout: somebody may stop the child. It is then killed, and the tool
 * puts the number back.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>

#include "kernel/child.h"
#include "objects/socket/socket.h"

#define STACK_SIZE (64u << 10)

struct helper {
	const struct apart *work;
	char *stack;
	pid_t pid; /* set by the kernel before it runs */
	int error; /* of its start */
};

static int helper_main(void *arg)
{
	const struct helper *h = arg;

	h->work->run(h->work->data);
	return 0;
}

static void *start_and_wait(void *arg)
{
	struct helper *h = arg;

	if (clone(helper_main, h->stack + STACK_SIZE,
		  CLONE_VM | CLONE_FILES | CLONE_VFORK | CLONE_PARENT_SETTID, h, &h->pid) < 0)
		h->error = errno;
	return NULL;
}

static int start_thread(pthread_t *ret, struct helper *h)
{
	sigset_t all, before;
	int num;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* they are for the tool's first thread */
	num = pthread_create(ret, NULL, start_and_wait, h);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return num;
}

static int give_up(struct dump *d, const struct helper *h, pthread_t thread)
{
	bool ended = child_kill(h->pid);

	if (ended)
		pthread_join(thread, NULL);
	else
		pthread_detach(thread);
	h->work->put_back(h->work->data);
	return err_set(dump_err(d), ERR_TIMEOUT, ETIMEDOUT,
		       "process %d of crtools, which looks into queues of sockets, has not come to "
		       "an end within %u s (is it stopped?); it was killed%s",
		       h->pid, d->s->opts->timeout, ended ? "" : ", and has not ended yet");
}

int socket_run_apart(struct dump *d, const struct apart *work)
{
	/* In the arena: a helper that does not end has it for longer than this function. */
	struct helper *h = arena_new(dump_arena(d), struct helper);
	uint64_t until = child_limit(d->s->opts->timeout);
	struct timespec limit = { until / 1000000000, until % 1000000000 };
	pthread_t thread;
	int status, ret;

	*h = (struct helper){ .work = work, .stack = arena_alloc(dump_arena(d), STACK_SIZE) };
	errno = start_thread(&thread, h);
	if (errno)
		return err_sys(dump_err(d), "clone", "can't start a helper to look into queues");
	if (until && pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &limit))
		return give_up(d, h, thread);
	if (!until)
		pthread_join(thread, NULL);
	errno = h->error;
	if (errno)
		return err_sys(dump_err(d), "clone", "can't start a helper to look into queues");
	ret = child_wait(h->pid, until, &status);
	if (ret == 0 && status == 0)
		return 0;
	work->put_back(work->data);
	return err_set(dump_err(d), ERR_TASK_CHANGED, ret < 0 ? -ret : EINTR,
		       "the helper that looks into queues was killed");
}

int socket_set_peek_off(int fd, int off)
{
	return setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off)) < 0 ? -errno : 0;
}
