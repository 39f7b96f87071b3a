/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Children that were stopped and continued, which wait(2) has not told the parent yet: it tells it
 * once afterwards, of each. One has several threads and a handler of SIGCONT, which must not run
 * again, one ignores SIGCONT, one's stop was not told either; another's continuation was told.
 * Neither a system call of theirs nor the parent's handler of SIGCHLD notices anything.
 *
 *	wl: areas   signals
 *	wl: flavours host user unpriv ns userns
 *	wl: cycles  2
 *	wl: crossing none CRIU does not keep what is to be told
 */
#define _GNU_SOURCE
#include "stop.h"

#include <pthread.h>

static int signalled, continued;

static void on_child(int sig)
{
	(void)sig;
	__atomic_add_fetch(&signalled, 1, __ATOMIC_SEQ_CST);
}

static void on_continue(int sig)
{
	(void)sig;
	__atomic_add_fetch(&continued, 1, __ATOMIC_SEQ_CST);
}

static void *pause_for(void *arg)
{
	char byte;

	wl_check_eq(read(*(int *)arg, &byte, 1), 1);
	wl_check_eq(byte, 'B');
	return NULL;
}

static void handle(void *arg)
{
	struct sigaction action = { .sa_handler = on_continue, .sa_flags = SA_RESTART };
	pthread_t threads[3];

	wl_try(sigaction(SIGCONT, &action, NULL));
	for (int i = 0; i < 3; i++)
		wl_check_eq(pthread_create(&threads[i], NULL, pause_for, arg), 0);
	for (int i = 0; i < 3; i++)
		wl_check_eq(pthread_join(threads[i], NULL), 0);
	wl_check_eq(continued, 1);
	_exit(0);
}

/* Three threads read; the byte of stop_end() is for a child with one. */
static void start_threads(struct stop *stop)
{
	wl_try(pipe(stop->fds));
	stop->pid = wl_fork();
	if (stop->pid == 0)
		handle(&stop->fds[0]);
	wl_await_call(stop->pid, SYS_futex);
}

static void go_on(const struct stop *stop)
{
	wl_try(kill(stop->pid, SIGCONT));
	wl_await_state(stop->pid, "S");
}

static void check_told(const struct stop *stop)
{
	siginfo_t info = { 0 };
	int status;

	wl_try(waitid(P_PID, stop->pid, &info, WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT));
	wl_check_eq(info.si_pid, stop->pid);
	wl_check_eq(info.si_code, CLD_CONTINUED);
	wl_check_eq(info.si_status, SIGCONT);
	wl_check_eq(waitpid(stop->pid, &status, WUNTRACED | WCONTINUED | WNOHANG), stop->pid);
	wl_check(WIFCONTINUED(status));
	wl_check_eq(waitpid(stop->pid, &status, WUNTRACED | WCONTINUED | WNOHANG), 0);
}

static void finish(const struct stop *stop, int readers)
{
	for (int i = 0; i < readers; i++)
		wl_check_eq(write(stop->fds[1], "B", 1), 1);
	wl_reap(stop->pid);
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_child, .sa_flags = SA_RESTART };
	struct stop plain, untold, ignoring, threads, told;
	int status, before;

	signal(SIGCONT, SIG_IGN);
	stop_start(&ignoring, false, 0);
	signal(SIGCONT, SIG_DFL);
	stop_start(&plain, false, 0);
	stop_start(&untold, true, 0);
	stop_start(&told, false, 0);
	start_threads(&threads);
	wl_try(sigaction(SIGCHLD, &action, NULL));
	stop_send(&plain, SIGSTOP);
	stop_check(&plain, SIGSTOP);
	stop_send(&untold, SIGTSTP);
	stop_send(&ignoring, SIGSTOP);
	stop_send(&threads, SIGSTOP);
	stop_check(&threads, SIGSTOP);
	stop_send(&told, SIGSTOP);
	go_on(&plain);
	go_on(&untold);
	go_on(&ignoring);
	go_on(&threads);
	go_on(&told);
	check_told(&told);
	wl_sleep_ms(20);
	before = __atomic_load_n(&signalled, __ATOMIC_SEQ_CST);
	wl_ready_and_wait();
	wl_check_eq(__atomic_load_n(&signalled, __ATOMIC_SEQ_CST), before);
	check_told(&plain);
	check_told(&untold);
	check_told(&ignoring);
	check_told(&threads);
	wl_check_eq(waitpid(told.pid, &status, WUNTRACED | WCONTINUED | WNOHANG), 0);
	finish(&plain, 1);
	finish(&untold, 1);
	finish(&ignoring, 1);
	finish(&threads, 3);
	finish(&told, 1);
	wl_pass();
}
