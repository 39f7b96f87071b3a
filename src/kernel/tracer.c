/* SPDX-License-Identifier: Apache-2.0 */
/* See tracer.h. One question at a time: `turn` says whose it is to do something. */
#include "kernel/tracer.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TURN_ASKER, TURN_TRACER };

static struct {
	pid_t owner; /* the process that started it; 0: there is none */
	pid_t tid;
	_Atomic uint32_t turn;
	long (*run)(void *arg);
	void *arg;
	long result;
	int error; /* errno */
} tracer;

static void await_turn(uint32_t other)
{
	while (atomic_load(&tracer.turn) == other)
		syscall(SYS_futex, &tracer.turn, FUTEX_WAIT_PRIVATE, other, NULL, NULL, 0);
}

static void give_turn(uint32_t to)
{
	atomic_store(&tracer.turn, to);
	syscall(SYS_futex, &tracer.turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *serve(void *unused)
{
	(void)unused;
	tracer.tid = gettid();
	for (;;) {
		give_turn(TURN_ASKER);
		await_turn(TURN_ASKER);
		errno = tracer.error;
		tracer.result = tracer.run(tracer.arg);
		tracer.error = errno;
	}
	return NULL;
}

/* The tool's signals are for the thread that knows what to do about them. */
int tracer_start(struct err *err)
{
	sigset_t all, before;
	pthread_t thread;
	int num;

	sigfillset(&all);
	tracer.turn = TURN_TRACER;
	pthread_sigmask(SIG_SETMASK, &all, &before);
	num = pthread_create(&thread, NULL, serve, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (num) {
		errno = num;
		return err_sys(err, "clone", "starting the thread that is to hold the tree");
	}
	pthread_detach(thread);
	await_turn(TURN_TRACER);
	tracer.owner = getpid();
	return 0;
}

static bool is_elsewhere(void)
{
	return tracer.owner && tracer.owner == getpid() && tracer.tid != gettid();
}

long tracer_run(long (*run)(void *arg), void *arg)
{
	if (!is_elsewhere())
		return run(arg);
	tracer.run = run;
	tracer.arg = arg;
	tracer.error = errno;
	give_turn(TURN_TRACER);
	await_turn(TURN_TRACER);
	errno = tracer.error;
	return tracer.result;
}

struct request {
	int request;
	pid_t tid;
	uintptr_t addr, data;
};

static long make_request(void *arg)
{
	const struct request *r = arg;

	return ptrace((enum __ptrace_request)r->request, r->tid, r->addr, r->data);
}

long tracer_ptrace(int request, pid_t tid, uintptr_t addr, uintptr_t data)
{
	struct request r = { request, tid, addr, data };

	return tracer_run(make_request, &r);
}

pid_t tracer_id(void)
{
	return is_elsewhere() ? tracer.tid : gettid();
}
