/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads with syscall user dispatch, switched on over the dump: one for calls outside of a range
 * of its code, one for all calls, one (Linux 6.17) for calls inside of a range. Each runs in its
 * program meanwhile, as any call would be dispatched; afterwards the same calls are, and no other.
 *
 *	wl: areas   security
 *	wl: flavours host user
 *	wl: needs   kernel:6.4 x86_64
 *	wl: cycles  2
 *	wl: crossing none CRIU's own calls are dispatched, and a restore of it switches none on
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
#define EXCLUSIVE_ON 1
#define INCLUSIVE_ON 2
#define ALLOW	     0
#define BLOCK	     1

struct thread {
	int mode; /* 0: not there */
	bool ranged;
	pthread_t thread;
	bool ready, done;
	const char *wrong;
};

static struct thread threads[] = { { EXCLUSIVE_ON, true },
				   { EXCLUSIVE_ON, false },
				   { INCLUSIVE_ON, true } };
static __thread volatile char selector;
static __thread volatile int dispatched;
static bool go;
static long (*inside)(long nr); /* makes a call with an instruction in a page of its own */

static void on_sigsys(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	selector = ALLOW; /* or the return from here would be dispatched as well */
	dispatched = info->si_syscall;
}

/* Whether a call is dispatched. */
static bool caught(long (*call)(long nr))
{
	dispatched = 0;
	selector = BLOCK;
	call(SYS_getppid);
	selector = ALLOW;
	return dispatched == SYS_getppid;
}

static long outside(long nr)
{
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(nr) : "rcx", "r11", "memory");
	return result;
}

static const char *look(const struct thread *t)
{
	if (caught(inside) != (t->mode == INCLUSIVE_ON || !t->ranged))
		return "a call inside of the range";
	if (caught(outside) != (t->mode == EXCLUSIVE_ON))
		return "a call outside of the range";
	return NULL;
}

static void *live(void *arg)
{
	struct thread *t = arg;
	long at = t->ranged ? (long)inside : 0, len = t->ranged ? getpagesize() : 0;

	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, t->mode, at, len, &selector)) {
		if (t->mode != INCLUSIVE_ON || errno != EINVAL)
			wl_pfail("mode %d", t->mode);
		t->mode = 0;
		__atomic_store_n(&t->ready, true, __ATOMIC_SEQ_CST);
		return NULL;
	}
	t->wrong = look(t);
	selector = BLOCK;
	__atomic_store_n(&t->ready, true, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&go, __ATOMIC_SEQ_CST))
		;
	if (!t->wrong)
		t->wrong = selector == BLOCK ? look(t) : "the selector";
	selector = ALLOW;
	return NULL;
}

int main(void)
{
	static const unsigned char code[] = { 0x89, 0xf8, 0x0f, 0x05, 0xc3 };
	const struct sigaction act = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO };
	void *page = wl_try(mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	memcpy(page, code, sizeof(code));
	wl_try(mprotect(page, getpagesize(), PROT_READ | PROT_EXEC));
	inside = (long (*)(long))page;
	wl_try(sigaction(SIGSYS, &act, NULL));
	for (size_t i = 0; i < sizeof(threads) / sizeof(*threads); i++) {
		wl_check_eq(pthread_create(&threads[i].thread, NULL, live, &threads[i]), 0);
		while (!__atomic_load_n(&threads[i].ready, __ATOMIC_SEQ_CST))
			wl_sleep_ms(1);
	}
	wl_ready_and_wait();
	__atomic_store_n(&go, true, __ATOMIC_SEQ_CST);
	for (size_t i = 0; i < sizeof(threads) / sizeof(*threads); i++) {
		wl_check_eq(pthread_join(threads[i].thread, NULL), 0);
		if (threads[i].wrong)
			wl_fail("thread %zu: %s was not as it should be", i, threads[i].wrong);
	}
	wl_pass();
}
