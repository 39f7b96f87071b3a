/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A POSIX message queue whose name was removed lives on with its messages, their priorities and
 * their order; a second description of it, in a child, leads to the same queue.
 *
 * wl: areas pidfd-memfd-misc-fds
 * wl: flavours host user
 * wl: cycles 2
 * wl: crossing none CRIU refuses message queues
 */
#include "mqueue.h"

static mqd_t queue;
static int second;

static void open_second(void *arg)
{
	char *name = wl_format("/proc/self/fd/%d", queue);

	(void)arg;
	second = wl_try(open(name, O_WRONLY | O_NONBLOCK));
	wl_try(close(queue));
}

static void send_by_second(void *arg)
{
	(void)arg;
	wl_try(mq_send(second, "from the child", 14, 7));
}

int main(void)
{
	char *name = wl_format("/crtools-workload-%d", getpid());
	struct mqueue_state was;

	queue = mqueue_make(name, O_RDWR);
	mqueue_fill(queue);
	wl_try(mq_unlink(name));
	wl_actor_fork(open_second, send_by_second, NULL);
	mqueue_look(queue, &was);
	wl_ready_and_wait();
	mqueue_compare(queue, &was);
	mqueue_drain(queue);
	wl_actors_finish();
	mqueue_receive(queue, "from the child", 7);
	wl_pass();
}
