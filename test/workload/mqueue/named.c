/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX message queues that have a name: messages that wait are received in their order, a process
 * is still notified by its signal, and a child that was blocked in a receive gets its message.
 *
 * wl: areas pidfd-memfd-misc-fds
 * wl: flavours host user
 * wl: cycles 2
 * wl: crossing none CRIU refuses message queues
 */
#include "mqueue.h"

static mqd_t full, told, blocked, sender;
static volatile sig_atomic_t signalled;

static void on_signal(int sig)
{
	(void)sig;
	signalled++;
}

static void await_message(void)
{
	char buf[MQ_SIZE];

	wl_child_ready();
	wl_check_eq(mq_receive(blocked, buf, sizeof(buf), NULL), 4);
	wl_check(!memcmp(buf, "wake", 4));
	_exit(0);
}

int main(void)
{
	char *names[3];
	struct sigevent by_signal = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct mqueue_state was[3];
	pid_t child;

	for (int i = 0; i < 3; i++)
		names[i] = wl_format("/crtools-workload-%d-%d", getpid(), i);
	full = mqueue_make(names[0], O_RDWR);
	told = mqueue_make(names[1], O_RDWR | O_NONBLOCK);
	blocked = mqueue_make(names[2], O_RDWR);
	sender = wl_try(mq_open(names[0], O_WRONLY));
	mqueue_fill(full);
	signal(SIGUSR1, on_signal);
	wl_try(mq_notify(told, &by_signal));
	child = wl_fork_awaited();
	if (!child)
		await_message();
	wl_await_call(child, SYS_mq_timedreceive);
	mqueue_look(full, &was[0]);
	mqueue_look(told, &was[1]);
	mqueue_look(sender, &was[2]);
	wl_ready_and_wait();
	mqueue_compare(full, &was[0]);
	mqueue_compare(told, &was[1]);
	mqueue_compare(sender, &was[2]);
	wl_check_eq(mq_send(sender, "late", 4, 30), 0);
	mqueue_receive(full, "late", 30);
	mqueue_drain(full);
	wl_check_eq(signalled, 0);
	wl_try(mq_send(told, "x", 1, 0));
	wl_check_eq(signalled, 1);
	wl_try(mq_send(blocked, "wake", 4, 0));
	wl_reap(child);
	for (int i = 0; i < 3; i++)
		wl_try(mq_unlink(names[i]));
	wl_pass();
}
