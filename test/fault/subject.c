/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tree that looks at itself all the time. Each actor counts its rounds in a slot of a shared file
 * and, when something is not as it has to be, leaves a sentence there. A dump, or the death of the
 * tool at any instant, must neither stop a count nor cause a sentence.
 *
 *	subject STATUS-FILE [32-BIT-BINARY]
 *
 * Actors: waiting in poll, nanosleep, futex, read (none may return early: nobody in these
 * processes has a handler), spinning with live general, SSE or AVX and x87 registers, taking queued
 * signals in order with a mask that must not change, sleeping in sigsuspend and ppoll for single
 * signals, a 32-bit program, a stopped child, a zombie.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 32

struct slot {
	char name[24];
	volatile uint64_t beats;
	char error[96];
};

static struct slot *slots;

static void complain(struct slot *s, const char *fmt, ...)
{
	char text[sizeof(s->error)];
	va_list ap;

	if (s->error[0])
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(s->error, text, sizeof(text));
}

static struct slot *claim(int i, const char *name)
{
	snprintf(slots[i].name, sizeof(slots[i].name), "%s", name);
	return &slots[i];
}

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000ll + t.tv_nsec / 1000;
}

/* --- waiting, without a handler: nothing may end a wait early -------------------------------- */

static void *polls(void *arg)
{
	struct slot *s = arg;

	for (;; s->beats++) {
		int64_t start = now_us();
		int ret = poll(NULL, 0, 3);

		if (ret != 0)
			complain(s, "poll gave %d, errno %d", ret, errno);
		if (now_us() - start < 2900)
			complain(s, "poll took %lld us", (long long)(now_us() - start));
	}
	return NULL;
}

static void *sleeps(void *arg)
{
	struct slot *s = arg;

	for (;; s->beats++) {
		struct timespec t = { .tv_nsec = 3000000 };
		int64_t start = now_us();

		if (nanosleep(&t, NULL) < 0)
			complain(s, "nanosleep failed, errno %d", errno);
		if (now_us() - start < 2900)
			complain(s, "nanosleep took %lld us", (long long)(now_us() - start));
	}
	return NULL;
}

static uint32_t turn_word;

static void futex_turns(struct slot *s, uint32_t mine)
{
	for (;; s->beats++) {
		uint32_t seen;

		while ((seen = __atomic_load_n(&turn_word, __ATOMIC_SEQ_CST)) % 2 != mine)
			if (syscall(SYS_futex, &turn_word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL,
				    0) < 0 &&
			    errno != EAGAIN)
				complain(s, "futex failed, errno %d", errno);
		usleep(1000);
		__atomic_add_fetch(&turn_word, 1, __ATOMIC_SEQ_CST);
		syscall(SYS_futex, &turn_word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
}

static void *futex_even(void *arg)
{
	futex_turns(arg, 0);
	return NULL;
}

static void *futex_odd(void *arg)
{
	futex_turns(arg, 1);
	return NULL;
}

static int ring[2];

static void *reads(void *arg)
{
	struct slot *s = arg;
	uint32_t want = 0, got;

	for (;; s->beats++, want++) {
		ssize_t n = read(ring[0], &got, sizeof(got));

		if (n != sizeof(got))
			complain(s, "read gave %zd, errno %d", n, errno);
		else if (got != want)
			complain(s, "read number %u in place of %u", got, want);
		want = got;
	}
	return NULL;
}

static void *writes(void *arg)
{
	struct slot *s = arg;

	for (uint32_t number = 0;; s->beats++, number++) {
		if (write(ring[1], &number, sizeof(number)) != sizeof(number))
			complain(s, "write failed, errno %d", errno);
		usleep(1500);
	}
	return NULL;
}

/* --- registers --------------------------------------------------------------------------------- */

#ifdef __x86_64__
/* Fills registers from bytes, spins, and stores them again. */
static void spin_avx(const unsigned char in[16][32], unsigned char out[16][32], uint64_t rounds)
{
#define LOAD(i)	 "vmovdqu 32*" #i "(%0), %%ymm" #i "\n\t"
#define STORE(i) "vmovdqu %%ymm" #i ", 32*" #i "(%1)\n\t"
#define EACH(m)                                                                                    \
	m(0) m(1) m(2) m(3) m(4) m(5) m(6) m(7) m(8) m(9) m(10) m(11) m(12) m(13) m(14) m(15)
	__asm__ volatile(EACH(LOAD) "1: dec %2\n\tjnz 1b\n\t" EACH(STORE) "vzeroupper"
			 :
			 : "r"(in), "r"(out), "r"(rounds)
			 : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
			   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
			   "xmm15");
#undef LOAD
#undef STORE
}

static void spin_sse(const unsigned char in[16][32], unsigned char out[16][32], uint64_t rounds)
{
#define LOAD(i)	 "movdqu 32*" #i "(%0), %%xmm" #i "\n\t"
#define STORE(i) "movdqu %%xmm" #i ", 32*" #i "(%1)\n\t"
	__asm__ volatile(EACH(LOAD) "1: dec %2\n\tjnz 1b\n\t" EACH(STORE)
			 :
			 : "r"(in), "r"(out), "r"(rounds)
			 : "memory", "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
			   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
			   "xmm15");
}

static void check_vectors(struct slot *s, uint64_t seed)
{
	bool wide = __builtin_cpu_supports("avx");
	unsigned char in[16][32], out[16][32];

	for (int i = 0; i < 16; i++)
		for (int k = 0; k < 32; k++)
			in[i][k] = seed * 31 + i * 32 + k;
	memcpy(out, in, sizeof(out));
	memset(out, 0, wide ? sizeof(out) : 0);
	(wide ? spin_avx : spin_sse)(in, out, 400000);
	for (int i = 0; i < 16; i++)
		if (memcmp(in[i], out[i], wide ? 32 : 16))
			complain(s, "vector register %d changed", i);
}

/* General registers that C code can't keep an eye on, the flags, and the red zone. */
static void check_general(struct slot *s, uint64_t seed)
{
	uint64_t bad = 0;

	__asm__ volatile("mov %1, %%r8\n\tlea 1(%1), %%r9\n\tlea 2(%1), %%r10\n\t"
			 "lea 3(%1), %%r11\n\tlea 4(%1), %%r12\n\tlea 5(%1), %%r13\n\t"
			 "lea 6(%1), %%rcx\n\tlea 7(%1), %%rdx\n\t"
			 "mov %%r8, -8(%%rsp)\n\tmov %%r9, -128(%%rsp)\n\t"
			 "mov $400000, %%rsi\n\tstc\n\t"
			 "1: lea -1(%%rsi), %%rsi\n\tjnc 2f\n\t"
			 "inc %%rsi\n\tdec %%rsi\n\tjnz 1b\n\tjmp 3f\n\t"
			 "2: or $2, %0\n\t"
			 "3: sbb %%rdi, %%rdi\n\t"
			 "cmp %%r8, -8(%%rsp)\n\tje 4f\n\tor $4, %0\n\t"
			 "4: cmp %%r9, -128(%%rsp)\n\tje 5f\n\tor $8, %0\n\t"
			 "5: sub %1, %%r9\n\tsub %1, %%r10\n\tsub %1, %%r11\n\tsub %1, %%r12\n\t"
			 "sub %1, %%r13\n\tsub %1, %%rcx\n\tsub %1, %%rdx\n\tsub %1, %%r8\n\t"
			 "add %%r9, %%r8\n\tadd %%r10, %%r8\n\tadd %%r11, %%r8\n\t"
			 "add %%r12, %%r8\n\tadd %%r13, %%r8\n\tadd %%rcx, %%r8\n\t"
			 "add %%rdx, %%r8\n\tcmp $28, %%r8\n\tje 6f\n\tor $16, %0\n\t6:"
			 : "+a"(bad)
			 : "b"(seed)
			 : "memory", "cc", "r8", "r9", "r10", "r11", "r12", "r13", "rcx", "rdx",
			   "rsi", "rdi");
	if (bad)
		complain(s, "general registers, flags or red zone changed: %llx",
			 (unsigned long long)bad);
}
#else
static void check_vectors(struct slot *s, uint64_t seed)
{
	volatile uint32_t a = seed, b = seed * 7, c = seed * 13;

	for (volatile int i = 0; i < 20000; i++)
		;
	if (a != (uint32_t)seed || b != (uint32_t)seed * 7 || c != (uint32_t)seed * 13)
		complain(s, "memory changed");
}

static void check_general(struct slot *s, uint64_t seed)
{
	uint32_t a = seed, b = seed + 1, c = 200000;

	__asm__ volatile("1: dec %2\n\tjnz 1b" : "+r"(a), "+r"(b), "+r"(c));
	if (a != (uint32_t)seed || b != (uint32_t)seed + 1)
		complain(s, "registers changed");
}
#endif

static void check_x87(struct slot *s)
{
	static const uint32_t rounding = 0x5f80; /* toward minus infinity, in MXCSR's place */
	uint16_t word, want = 0x067f;		 /* the same and double precision, in the x87's */
	uint32_t now;
	double sum;

	__asm__ volatile("fldcw %0; fld1; fldpi; ldmxcsr %1" : : "m"(want), "m"(rounding));
	for (volatile int i = 0; i < 50000; i++)
		;
	__asm__ volatile("faddp; fstpl %0; fnstcw %1; stmxcsr %2"
			 : "=m"(sum), "=m"(word), "=m"(now));
	if (word != want || (now & ~0x3fu) != rounding || sum < 4.14 || sum > 4.15)
		complain(s, "x87 %x, mxcsr %x, sum %f", word, now, sum);
	__asm__ volatile("fninit");
	now = 0x1f80;
	__asm__ volatile("ldmxcsr %0" : : "m"(now));
}

static void *spins(void *arg)
{
	struct slot *s = arg;

	for (;; s->beats++) {
		check_vectors(s, s->beats);
		check_general(s, s->beats);
		check_x87(s);
		usleep(3000);
	}
	return NULL;
}

/* --- signals ----------------------------------------------------------------------------------- */

static struct slot *signal_slot;
static volatile int next_value;
static volatile sig_atomic_t single;

static void on_queued(int signo, siginfo_t *info, void *context)
{
	(void)signo;
	(void)context;
	if (info->si_value.sival_int != next_value)
		complain(signal_slot, "signal %d in place of %d", info->si_value.sival_int,
			 next_value);
	next_value = info->si_value.sival_int + 1;
	signal_slot->beats++;
}

static void on_single(int signo)
{
	(void)signo;
	single = 1;
}

/* Blocks SIGUSR2 and SIGRTMAX, takes SIGRTMIN+3 all the time; the mask must stay so. */
static void take_signals(struct slot *s)
{
	struct sigaction act = { .sa_sigaction = on_queued, .sa_flags = SA_SIGINFO };
	sigset_t want, now;

	signal_slot = s;
	sigaction(SIGRTMIN + 3, &act, NULL);
	sigemptyset(&want);
	sigaddset(&want, SIGUSR2);
	sigaddset(&want, SIGRTMAX);
	sigprocmask(SIG_SETMASK, &want, NULL);
	for (;;) {
		sigprocmask(SIG_SETMASK, NULL, &now);
		for (int i = 1; i <= 64; i++)
			if (sigismember(&want, i) != sigismember(&now, i))
				complain(s, "signal %d is %sblocked", i,
					 sigismember(&now, i) > 0 ? "" : "not ");
		usleep(1000);
	}
}

static void send_signals(struct slot *s, pid_t to)
{
	for (int i = 0;; i++, s->beats++) {
		union sigval value = { .sival_int = i };

		while (sigqueue(to, SIGRTMIN + 3, value) < 0 && errno == EAGAIN)
			usleep(1000);
		usleep(1500);
	}
}

/* Each signal is sent once and answered: one that is lost, or whose wait goes on, stops the count. */
static int answers[2];

static void wait_single(struct slot *s, bool with_ppoll)
{
	sigset_t none, one;

	sigemptyset(&none);
	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	sigprocmask(SIG_BLOCK, &one, NULL);
	signal(SIGUSR1, on_single);
	for (;; s->beats++) {
		single = 0;
		if (write(answers[1], "", 1) != 1)
			complain(s, "the answer was not written, errno %d", errno);
		if (with_ppoll)
			ppoll(NULL, 0, NULL, &none);
		else
			sigsuspend(&none);
		if (!single)
			complain(s, "the wait ended without a signal, errno %d", errno);
	}
}

static void send_single(struct slot *s, pid_t to)
{
	char c;

	for (;; s->beats++) {
		if (read(answers[0], &c, 1) != 1)
			complain(s, "no answer, errno %d", errno);
		usleep(1500);
		kill(to, SIGUSR1);
	}
}

/* --- the tree ---------------------------------------------------------------------------------- */

static pid_t spawn(void)
{
	pid_t pid = fork();

	if (pid < 0)
		_exit(3);
	return pid;
}

static void run_threads(int n, ...)
{
	va_list ap;

	va_start(ap, n);
	for (int i = 0; i < n; i++) {
		void *(*run)(void *) = va_arg(ap, void *(*)(void *));
		struct slot *s = va_arg(ap, struct slot *);
		pthread_t thread;

		if (i == n - 1)
			run(s);
		pthread_create(&thread, NULL, run, s);
	}
}

static void pair(int i, bool with_ppoll)
{
	pid_t pid;

	if (pipe(answers) < 0)
		_exit(3);
	pid = spawn();
	if (!pid)
		wait_single(claim(i, with_ppoll ? "ppolls" : "suspends"), with_ppoll);
	if (!spawn())
		send_single(claim(i + 1, with_ppoll ? "sender of ppolls" : "sender of suspends"),
			    pid);
	close(answers[0]);
	close(answers[1]);
}

static void small_tree(int base)
{
	run_threads(3, polls, claim(base, "polls, 32 bit"), sleeps,
		    claim(base + 1, "sleeps, 32 bit"), spins, claim(base + 2, "spins, 32 bit"));
}

static void whole_tree(const char *status, const char *other)
{
	pid_t pid;

	if (pipe(ring) < 0)
		_exit(3);
	if (!spawn())
		run_threads(3, polls, claim(1, "polls"), sleeps, claim(2, "sleeps"), reads,
			    claim(3, "reads"));
	if (!spawn())
		run_threads(3, futex_even, claim(4, "futex, even"), futex_odd,
			    claim(5, "futex, odd"), writes, claim(6, "writes"));
	if (!spawn())
		run_threads(2, spins, claim(7, "spins"), spins, claim(8, "spins too"));
	pid = spawn();
	if (!pid)
		take_signals(claim(9, "takes signals"));
	if (!spawn()) {
		usleep(100000);
		send_signals(claim(10, "sends signals"), pid);
	}
	pair(11, false);
	pair(13, true);
	if (!spawn()) {
		raise(SIGSTOP);
		complain(claim(15, "stopped"), "the stopped process went on");
		pause();
	}
	if (!spawn())
		_exit(7);
	if (other && !spawn()) {
		execl(other, other, status, (char *)NULL);
		_exit(3);
	}
}

static void map_status(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);

	if (fd < 0 || ftruncate(fd, SLOTS * sizeof(*slots)) < 0)
		_exit(2);
	slots = mmap(NULL, SLOTS * sizeof(*slots), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (slots == MAP_FAILED)
		_exit(2);
	close(fd);
}

/* An open file without a name: what a restore that is killed must not leave lying about. */
static void hold_ghost(void)
{
	int fd = open("ghost", O_RDWR | O_CREAT | O_EXCL, 0600);

	if (fd < 0 || write(fd, "unseen", 6) != 6 || unlink("ghost") < 0)
		_exit(2);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	map_status(argv[1]);
	if (sizeof(void *) == 4) {
		small_tree(16);
		return 0;
	}
	hold_ghost();
	whole_tree(argv[1], argc > 2 ? argv[2] : NULL);
	sleeps(claim(0, "root"));
	return 0;
}
