/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trees that never stand still. Whatever is born leaves its mark in memory that the whole tree
 * shares, and whoever waits for it knows its id and with which status it has to end: a task that a
 * dump has missed, made twice or ended is a wait that fails or never returns.
 *
 *	storms fork|clone|exec|relay|threads|races|kill|bomb	until SIGTERM; then all is counted
 *
 * Prints a line for each hundred births.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 3, WIDTH = 6, HOPS = 4, CHAINS = 24, BOMB = 200 };

static struct {
	uint64_t born, ended, reaped, alive;
} * shared;
static volatile sig_atomic_t stop;
static pid_t workers[WORKERS]; /* main's */
static volatile sig_atomic_t n_workers;

static uint64_t add(uint64_t *counter, uint64_t n)
{
	return __atomic_add_fetch(counter, n, __ATOMIC_SEQ_CST);
}

static void on_term(int sig)
{
	stop = 1;
	for (int i = 0; i < n_workers; i++)
		kill(workers[i], sig);
}

static void born(void)
{
	uint64_t n = add(&shared->born, 1);

	if (n % 100 == 0)
		dprintf(1, "%llu\n", (unsigned long long)n);
}

/* The statuses of children differ, so that one can't stand for another. */
static int status_of(pid_t pid)
{
	return pid % 97 + 1;
}

static void end(void)
{
	add(&shared->ended, 1);
	_exit(status_of((pid_t)syscall(SYS_getpid)));
}

static pid_t forked(pid_t pid)
{
	if (pid < 0)
		err(1, "fork");
	if (pid == 0)
		born();
	return pid;
}

static void reap(pid_t pid)
{
	int status;
	pid_t got;

	while ((got = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
		;
	if (got != pid)
		err(1, "child %d is missing", pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != status_of(pid))
		errx(1, "child %d ended with status %x", pid, status);
	add(&shared->reaped, 1);
}

static void fork_round(void)
{
	pid_t pids[WIDTH];

	for (int i = 0; i < WIDTH; i++) {
		pids[i] = forked(fork());
		if (pids[i])
			continue;
		if (i % 2) {
			pid_t pid = forked(fork());

			if (pid == 0)
				end();
			reap(pid);
		}
		end();
	}
	for (int i = WIDTH; i-- > 0;)
		reap(pids[i]);
}

static pid_t raw_clone(unsigned long flags)
{
	return (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, 0UL);
}

/* Siblings of their maker and orphans of its children are main's to reap; vforked ones its own. */
static void clone_round(void)
{
	pid_t pid;

	/* Main reaps slower than they are made. */
	while (shared->born > __atomic_load_n(&shared->reaped, __ATOMIC_SEQ_CST) + BOMB)
		usleep(100);
	for (int i = 0; i < 2; i++)
		if (forked(raw_clone(CLONE_PARENT | SIGCHLD)) == 0)
			end();
	pid = forked(fork());
	if (pid == 0) {
		if (forked(fork()) == 0)
			end();
		end();
	}
	reap(pid);
	pid = vfork();
	if (pid < 0)
		err(1, "vfork");
	if (pid == 0) {
		born();
		end();
	}
	reap(pid);
}

static void hop(int left)
{
	char number[16], *argv[] = { "hop", number, NULL }, *env[] = { NULL };

	snprintf(number, sizeof(number), "%d", left - 1);
	if (left == 0)
		_exit(status_of(getpid()));
	execve("/proc/self/exe", argv, env);
	err(1, "execve");
}

static void hop_round(void (*first)(int left))
{
	pid_t pids[WIDTH];

	for (int i = 0; i < WIDTH; i++) {
		pids[i] = forked(fork());
		if (pids[i] == 0) {
			add(&shared->ended, 1);
			first(HOPS);
		}
	}
	for (int i = 0; i < WIDTH; i++)
		reap(pids[i]);
}

static void exec_round(void)
{
	hop_round(hop);
}

static void *runner(void *arg)
{
	char number[16], *argv[] = { "relay", number, NULL }, *env[] = { NULL };

	snprintf(number, sizeof(number), "%d", *(int *)arg - 1);
	execve("/proc/self/exe", argv, env);
	err(1, "execve");
}

static void *spectator(void *arg)
{
	(void)arg;
	for (;;)
		usleep(1000);
}

/* The last of two to five threads makes the next program, and takes the id of the first. */
static void relay(int left)
{
	pthread_t thread;

	if (left == 0)
		_exit(status_of(getpid()));
	for (int i = left; i-- > 0;)
		if ((errno = pthread_create(&thread, NULL, i ? spectator : runner, &left)))
			err(1, "pthread_create");
	for (;;)
		pause();
}

static void relay_round(void)
{
	hop_round(relay);
}

static void *chained(void *arg)
{
	pthread_t next;
	void *result;

	born();
	if ((uintptr_t)arg % 2 && !stop) { /* an heir that it waits for, one in two */
		if ((errno = pthread_create(&next, NULL, chained, (char *)arg + 1)))
			err(1, "pthread_create");
		if ((errno = pthread_join(next, &result)))
			err(1, "pthread_join");
		if (result != (char *)arg + 1)
			errx(1, "a thread's result is %p", result);
		add(&shared->reaped, 1);
	}
	add(&shared->ended, 1);
	return arg;
}

static void thread_round(void)
{
	pthread_t threads[CHAINS];
	void *result;

	for (uintptr_t i = 0; i < CHAINS; i++)
		if ((errno = pthread_create(&threads[i], NULL, chained, (void *)i)))
			err(1, "pthread_create");
	for (uintptr_t i = 0; i < CHAINS; i++) {
		if ((errno = pthread_join(threads[i], &result)))
			err(1, "pthread_join");
		if (result != (void *)i)
			errx(1, "thread %lu's result is %p", (unsigned long)i, result);
		add(&shared->reaped, 1);
	}
}

static void *racer(void *arg)
{
	if (arg)
		end(); /* exit_group by another thread than the leader */
	for (;;)
		sched_yield();
}

/* Processes that end with threads in the middle of their start. */
static void race_round(void)
{
	pid_t pids[3];

	for (int i = 0; i < 3; i++) {
		pids[i] = forked(fork());
		if (pids[i])
			continue;
		for (int n = 0;; n++) {
			pthread_t thread;

			if ((errno = pthread_create(&thread, NULL, racer, n == 3 ? &thread : NULL)))
				err(1, "pthread_create");
		}
	}
	for (int i = 0; i < 3; i++)
		reap(pids[i]);
}

/* A child is killed by its sibling, at a moment when it may be held already. */
static void kill_round(void)
{
	pid_t victim = fork(), killer;
	int status;

	if (victim < 0)
		err(1, "fork");
	while (victim == 0)
		pause();
	born(); /* it may not come so far */
	killer = forked(fork());
	if (killer == 0) {
		usleep((unsigned int)getpid() * 7919 % 1500);
		add(&shared->ended, 1); /* the victim's */
		kill(victim, SIGKILL);
		end();
	}
	while (waitpid(victim, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		errx(1, "child %d ended with status %x", victim, status);
	add(&shared->reaped, 1);
	reap(killer);
}

/* Everybody forks, as long as fewer than BOMB are alive. */
static void explode(int depth)
{
	pid_t pids[4];
	int n = 0;

	while (n < 4 && depth < 12 && !stop) {
		if (add(&shared->alive, 1) > BOMB) {
			add(&shared->alive, -1);
			break;
		}
		pids[n] = forked(fork());
		if (pids[n] == 0) {
			explode(depth + 1);
			add(&shared->alive, -1);
			end();
		}
		n++;
	}
	usleep((unsigned int)getpid() % 4000);
	while (n-- > 0)
		reap(pids[n]);
}

static void bomb_round(void)
{
	explode(0);
}

static const struct {
	const char *name;
	void (*round)(void);
	int workers; /* 0: main does it */
} storms[] = {
	{ "fork", fork_round, WORKERS },   { "clone", clone_round, WORKERS },
	{ "exec", exec_round, WORKERS },   { "threads", thread_round, 0 },
	{ "relay", relay_round, WORKERS }, { "races", race_round, WORKERS },
	{ "kill", kill_round, WORKERS },   { "bomb", bomb_round, 0 },
};

static void until_stopped(void (*round)(void))
{
	while (!stop)
		round();
}

/* All that is left, main's own and those that have come to it, except for the workers. */
static void reap_all(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, 0)) > 0 || errno == EINTR) {
		bool worker = false;

		if (pid < 0)
			continue;
		for (int i = 0; i < n_workers; i++)
			worker |= pid == workers[i];
		if (!WIFEXITED(status) || WEXITSTATUS(status) != (worker ? 0 : status_of(pid)))
			errx(1, "process %d ended with status %x", pid, status);
		if (!worker)
			add(&shared->reaped, 1);
	}
}

int main(int argc, char **argv)
{
	const struct sigaction act = { .sa_handler = on_term };
	size_t mode = 0;

	if (argc == 2 && !strcmp(argv[0], "hop"))
		hop(atoi(argv[1]));
	if (argc == 2 && !strcmp(argv[0], "relay"))
		relay(atoi(argv[1]));
	while (mode < sizeof(storms) / sizeof(*storms) && strcmp(storms[mode].name, argv[1]) != 0)
		mode++;
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || mode == sizeof(storms) / sizeof(*storms))
		err(1, "set-up");
	if (sigaction(SIGTERM, &act, NULL) || prctl(PR_SET_CHILD_SUBREAPER, 1))
		err(1, "set-up");
	for (int i = 0; i < storms[mode].workers; i++) {
		workers[i] = fork();
		if (workers[i] < 0)
			err(1, "fork");
		if (workers[i] == 0) {
			n_workers = 0;
			until_stopped(storms[mode].round);
			exit(0);
		}
		n_workers = i + 1;
	}
	if (!storms[mode].workers)
		until_stopped(storms[mode].round);
	reap_all();
	if (shared->born != shared->reaped || shared->born != shared->ended)
		errx(1, "%llu were born, %llu have ended, %llu were waited for",
		     (unsigned long long)shared->born, (unsigned long long)shared->ended,
		     (unsigned long long)shared->reaped);
	dprintf(1, "whole\n");
	return 0;
}
