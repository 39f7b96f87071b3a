/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pending signals of all kinds: SIGCHLD of an unreaped child, process-wide ones, 64 real-time
 * ones directed to the leader and three to a thread, with payloads, in order. Full siginfo,
 * right queue, nothing twice, masks unchanged.
 *
 *	wl: areas   signals threads
 *	wl: flavours host user ns userns unpriv
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "workload.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEADERS 64
#define THREADS 3

static sigset_t all;
static pid_t child;

static siginfo_t made(int sig, int n)
{
	siginfo_t info = { .si_signo = sig, .si_code = n % 2 ? SI_QUEUE : SI_MESGQ, .si_errno = n };

	info.si_pid = getpid() + n;
	info.si_uid = 1000 + n;
	info.si_value.sival_ptr = (void *)(0x1122334455667700 + n);
	return info;
}

static void send_thread(int sig, int n)
{
	siginfo_t info = made(sig, n);

	wl_try(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), sig, &info));
}

static void send_process(int sig, int n)
{
	siginfo_t info = made(sig, n);

	wl_try(syscall(SYS_rt_sigqueueinfo, getpid(), sig, &info));
}

static void take(int sig, siginfo_t *info)
{
	struct timespec zero = { 0 };
	uint64_t set = UINT64_C(1) << (sig - 1);

	memset(info, 0, sizeof(*info));
	/* The raw call: glibc makes SI_USER of SI_TKILL. */
	wl_check_eq(syscall(SYS_rt_sigtimedwait, &set, info, &zero, 8), sig);
}

static void expect_made(int sig, int n)
{
	siginfo_t info, want = made(sig, n);

	take(sig, &info);
	/* All that the kernel holds: 48 bytes, of which these are in use. */
	if (memcmp(&info, &want, 32))
		wl_fail("signal %d number %d: code %d errno %d pid %d uid %d value %p", sig, n,
			info.si_code, info.si_errno, info.si_pid, info.si_uid,
			info.si_value.sival_ptr);
}

static void expect_none(void)
{
	wl_check_eq(sigtimedwait(&all, NULL, &(struct timespec){ 0, 0 }), -1);
	wl_check_eq(errno, EAGAIN);
}

static void thread_set(void *arg)
{
	(void)arg;
	for (int i = 0; i < THREADS; i++)
		send_thread(SIGRTMIN + 5, i);
	wl_try(syscall(SYS_tgkill, getpid(), gettid(), SIGUSR2));
}

static void thread_check(void *arg)
{
	siginfo_t info;

	(void)arg;
	for (int i = 0; i < THREADS; i++)
		expect_made(SIGRTMIN + 5, i);
	take(SIGUSR2, &info);
	wl_check_eq(info.si_code, SI_TKILL);
	wl_check_eq(info.si_pid, getpid());
	expect_none();
}

/* With no mask and no handler (glibc has one): CRIU keeps neither of a zombie. */
static _Noreturn void die_plain(void)
{
	uint64_t none[4] = { 0 };

	wl_try(syscall(SYS_rt_sigaction, 32, none, NULL, 8));
	wl_try(syscall(SYS_rt_sigaction, 33, none, NULL, 8));
	wl_try(syscall(SYS_rt_sigprocmask, SIG_SETMASK, none, NULL, 8));
	_exit(33);
}

static void queue(void)
{
	child = wl_fork();
	if (child == 0)
		die_plain();
	wl_await_state(child, "Z");
	wl_try(kill(getpid(), SIGUSR1));
	send_process(SIGRTMIN + 9, 7);
	send_process(SIGRTMIN + 9, 8);
	send_process(SIGSEGV, 9);
	for (int i = 0; i < LEADERS; i++)
		send_thread(i % 2 ? SIGRTMIN + 2 : SIGRTMAX, i);
}

static void expect_queue(void)
{
	siginfo_t info;

	take(SIGCHLD, &info);
	wl_check_eq(info.si_code, CLD_EXITED);
	wl_check_eq(info.si_pid, child);
	wl_check_eq(info.si_status, 33);
	take(SIGUSR1, &info);
	wl_check_eq(info.si_code, SI_USER);
	wl_check_eq(info.si_pid, getpid());
	wl_check_eq(info.si_uid, getuid());
	expect_made(SIGSEGV, 9);
	for (int i = 0; i < LEADERS; i++)
		expect_made(i % 2 ? SIGRTMIN + 2 : SIGRTMAX, i);
	expect_made(SIGRTMIN + 9, 7);
	expect_made(SIGRTMIN + 9, 8);
}

int main(void)
{
	unsigned long long own, shared, blocked;
	int status;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	sigdelset(&all, SIGTERM);
	wl_actor_thread(thread_set, thread_check, NULL);
	queue();
	own = wl_status(getpid(), "SigPnd", 16);
	shared = wl_status(getpid(), "ShdPnd", 16);
	blocked = wl_status(getpid(), "SigBlk", 16);
	wl_ready_and_wait();
	wl_check_eq(wl_status(getpid(), "SigPnd", 16), own);
	wl_check_eq(wl_status(getpid(), "ShdPnd", 16), shared);
	wl_check_eq(wl_status(getpid(), "SigBlk", 16), blocked);
	expect_queue();
	wl_actors_finish();
	/* The actor's own end brought no signal: nothing is left. */
	expect_none();
	wl_check_eq(waitpid(child, &status, 0), child);
	wl_check_eq(status, 33 << 8);
	wl_pass();
}
