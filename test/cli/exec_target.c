/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes in which exec.py makes system calls. Each waits in one kind of call, and says on
 * standard output how that went: "READY", then "RESULT n errno seconds" when it is over, with
 * "HANDLED n" for signals that its handler got.
 *
 *	exec_target KIND [SECONDS]	(of the table at the end; 3)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int wait_s = 3;

static volatile sig_atomic_t handled;

static void handler(int signo)
{
	(void)signo;
	handled++;
}

static double now(void)
{
	struct timespec t;

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t); /* the vdso may be gone */
	return t.tv_sec + t.tv_nsec / 1e9;
}

static int sleep_long(void)
{
	struct timespec t = { wait_s, 0 };

	return nanosleep(&t, NULL);
}

static int poll_long(void)
{
	struct pollfd p = { .fd = 0, .events = 0 };

	return poll(&p, 1, wait_s * 1000);
}

static int futex_long(void)
{
	static uint32_t word;
	struct timespec t = { wait_s, 0 };

	return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &t, NULL, 0);
}

/* From a pipe at standard input. */
static int read_byte(void)
{
	char c;

	return read(0, &c, 1);
}

static int pause_for_signal(void)
{
	return pause();
}

/* Never in a call: flags, general and vector registers hold what nobody may change. */
static int spin(void)
{
	unsigned long sum = 0, rounds = 0;
	double end = now() + wait_s;
	double a = 1.25, b = 3.5;

	while (now() < end) {
		for (int i = 0; i < 100000; i++) {
			sum = sum * 6364136223846793005ul + 1442695040888963407ul;
			a = a * 1.0000001 + 1e-9;
			b = b * 0.9999999 + 1e-9;
		}
		rounds++;
	}
	/* The same again, undisturbed. */
	unsigned long sum2 = 0;
	double a2 = 1.25, b2 = 3.5;

	for (unsigned long r = 0; r < rounds; r++)
		for (int i = 0; i < 100000; i++) {
			sum2 = sum2 * 6364136223846793005ul + 1442695040888963407ul;
			a2 = a2 * 1.0000001 + 1e-9;
			b2 = b2 * 0.9999999 + 1e-9;
		}
	return sum == sum2 && a == a2 && b == b2 ? 0 : -2;
}

static volatile int busy = 1;

static void *work(void *arg)
{
	uint64_t *counter = arg;

	while (busy)
		++*counter;
	return NULL;
}

static void *sleeper(void *arg)
{
	*(int *)arg = sleep_long() ? errno : 0;
	return NULL;
}

static int threads(void)
{
	static uint64_t counter;
	pthread_t worker, sleeping;
	int slept = -1, ret;

	pthread_create(&worker, NULL, work, &counter);
	pthread_create(&sleeping, NULL, sleeper, &slept);
	ret = sleep_long();
	busy = 0;
	pthread_join(worker, NULL);
	pthread_join(sleeping, NULL);
	return ret ? ret : slept ? -3 : 0;
}

/* A stack of two pages that ends at unmapped memory, almost used up: no room for a signal frame. */
static void *on_small_stack(void *arg)
{
	*(int *)arg = sleep_long();
	return NULL;
}

static int small_stack(void)
{
	size_t page = 4096, size = 4 * page;
	char *stack = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_t attr;
	pthread_t thread;
	int ret = -4;

	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, stack, size);
	if (pthread_create(&thread, &attr, on_small_stack, &ret))
		return -5;
	pthread_join(thread, NULL);
	return ret;
}

static int no_vdso(void)
{
	uintptr_t vdso = getauxval(AT_SYSINFO_EHDR);

	if (vdso && munmap((void *)vdso, 8192))
		return -6;
	return syscall(SYS_nanosleep, &(struct timespec){ wait_s, 0 }, NULL);
}

/* Allows what this program itself needs, and kills for all else. */
static int confined(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_nanosleep, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_restart_syscall, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &prog))
		return -7;
	return sleep_long();
}

static const struct {
	const char *name;
	int (*run)(void);
} kinds[] = {
	{ "nanosleep", sleep_long }, { "poll", poll_long },	     { "futex", futex_long },
	{ "read", read_byte },	     { "pause", pause_for_signal },  { "spin", spin },
	{ "threads", threads },	     { "small_stack", small_stack }, { "no_vdso", no_vdso },
	{ "confined", confined },
};

int main(int argc, char **argv)
{
	struct sigaction restarting = { .sa_handler = handler, .sa_flags = SA_RESTART };

	if (argc > 2)
		wait_s = atoi(argv[2]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGUSR1, &restarting, NULL);
	signal(SIGUSR2, SIG_IGN);
	for (size_t i = 0; argc > 1 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		double start = now();
		int ret, num;

		if (strcmp(argv[1], kinds[i].name))
			continue;
		printf("READY\n");
		errno = 0;
		ret = kinds[i].run();
		num = ret == -1 ? errno : 0;
		printf("RESULT %d %d %.2f HANDLED %d\n", ret, num, now() - start, handled);
		return 0;
	}
	return 1;
}
