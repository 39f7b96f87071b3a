/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden set "family": parent, child, grandchild in a session of its own and a zombie; threads;
 * a pipe and a FIFO with data; shared, private and memfd memory; a deleted file, one
 * that lives on under another name, descriptors shared by dup and fork; interval and POSIX
 * timers; signals pending for the process and for a thread; rlimits, nice, an alternate stack.
 */
#define _GNU_SOURCE
#include "workload.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static pthread_barrier_t started;

static void *thread(void *name)
{
	sigset_t none;

	sigfillset(&none);
	wl_try(prctl(PR_SET_NAME, name));
	wl_try(pthread_sigmask(SIG_BLOCK, &none, NULL));
	pthread_barrier_wait(&started);
	for (;;)
		pause();
	return NULL;
}

static void start_threads(void)
{
	union sigval value = { .sival_int = 77 };
	pthread_t one, two;

	wl_check_eq(pthread_barrier_init(&started, NULL, 3), 0);
	wl_check_eq(pthread_create(&one, NULL, thread, "golden-one"), 0);
	wl_check_eq(pthread_create(&two, NULL, thread, "golden-two"), 0);
	pthread_barrier_wait(&started);
	wl_check_eq(pthread_sigqueue(one, SIGRTMIN + 3, value), 0);
	wl_check_eq(pthread_kill(two, SIGUSR2), 0);
}

static void make_files(void)
{
	int fd;

	fd = wl_try(open("deleted", O_RDWR | O_CREAT, 0640));
	wl_try(write(fd, "a deleted file", 14));
	wl_try(unlink("deleted"));
	fd = wl_try(open("renamed", O_RDWR | O_CREAT, 0600));
	wl_try(write(fd, "another name", 12));
	wl_try(link("renamed", "elsewhere"));
	wl_try(unlink("renamed"));
	wl_write_file("plain", "0123456789");
	fd = wl_try(open("plain", O_RDONLY | O_APPEND));
	wl_try(lseek(fd, 4, SEEK_SET));
	wl_try(dup2(fd, 60));
	wl_try(fcntl(fd, F_SETFD, FD_CLOEXEC));
	wl_try(open(".", O_RDONLY | O_DIRECTORY));
	wl_try(mkfifo("fifo", 0600));
	fd = wl_try(open("fifo", O_RDWR));
	wl_try(write(fd, "in the fifo", 11));
}

static void make_memory(void)
{
	char *p;
	int fd;

	p = wl_try(mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	memset(p, 1, 4096);
	p = wl_try(
		mmap(NULL, 5 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	p[4096] = 2;
	wl_try(mprotect(p + 2 * 4096, 4096, PROT_NONE));
	wl_try(madvise(p, 4096, MADV_DONTFORK));
	fd = wl_try(open("plain", O_RDWR));
	p = wl_try(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0));
	p[0] = 'x';
	wl_try(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0));
	fd = wl_try(memfd_create("golden", MFD_ALLOW_SEALING));
	wl_try(ftruncate(fd, 8192));
	wl_try(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	p = wl_try(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	p[4096] = 3;
}

static void make_timers(void)
{
	struct itimerval real = { .it_interval = { 1000, 5 }, .it_value = { 2000, 0 } };
	struct itimerspec spec = { .it_interval = { 300, 7 }, .it_value = { 5000, 0 } };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	timer_t id;

	event.sigev_value.sival_int = 0x1234;
	wl_try(setitimer(ITIMER_REAL, &real, NULL));
	wl_try(setitimer(ITIMER_PROF, &real, NULL));
	wl_try(timer_create(CLOCK_MONOTONIC, &event, &id));
	wl_try(timer_settime(id, 0, &spec, NULL));
	event.sigev_notify = SIGEV_NONE;
	wl_try(timer_create(CLOCK_REALTIME, &event, &id));
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)info;
	(void)context;
}

static void make_signals(void)
{
	struct sigaction action = { .sa_sigaction = on_signal,
				    .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK };
	union sigval value = { .sival_int = 55 };
	static char stack[16384];
	stack_t alt = { .ss_sp = stack, .ss_size = sizeof(stack) };
	sigset_t set;

	sigemptyset(&action.sa_mask);
	sigaddset(&action.sa_mask, SIGHUP);
	wl_try(sigaction(SIGUSR1, &action, NULL));
	wl_try(sigaction(SIGRTMIN + 1, &action, NULL));
	action = (struct sigaction){ .sa_handler = SIG_IGN };
	wl_try(sigaction(SIGPIPE, &action, NULL));
	wl_try(sigaltstack(&alt, NULL));
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 1);
	wl_try(sigprocmask(SIG_BLOCK, &set, NULL));
	wl_try(kill(getpid(), SIGUSR1));
	wl_try(sigqueue(getpid(), SIGRTMIN + 1, value));
	wl_try(sigqueue(getpid(), SIGRTMIN + 1, value));
}

static void grandchild(void)
{
	wl_try(setsid());
	wl_try(prctl(PR_SET_NAME, "grandchild"));
	wl_child_wait();
	_exit(0);
}

static void child(int write_end)
{
	pid_t pid;

	wl_try(write(write_end, "in the pipe", 11));
	wl_try(setpgid(0, 0));
	wl_try(nice(3));
	pid = wl_fork_awaited();
	if (!pid)
		grandchild();
	wl_child_wait();
	wl_finish(pid);
	_exit(0);
}

int main(void)
{
	struct rlimit limit = { 64 << 20, RLIM_INFINITY };
	pid_t pid, zombie;
	siginfo_t info;
	int pipes[2];

	make_files();
	make_memory();
	wl_try(pipe(pipes));
	pid = wl_fork_awaited();
	if (!pid)
		child(pipes[1]);
	zombie = wl_fork();
	if (!zombie)
		_exit(42);
	wl_try(waitid(P_PID, zombie, &info, WEXITED | WNOWAIT));
	make_timers();
	make_signals();
	start_threads();
	wl_try(setrlimit(RLIMIT_CORE, &limit));
	umask(027);
	wl_ready_and_wait();
	wl_finish(pid);
	wl_pass();
}
