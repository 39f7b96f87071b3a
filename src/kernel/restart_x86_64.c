/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See restart.h. Each candidate is judged by its arguments; the kernel's word excludes the other
 * kinds; a `mov $nr, %eax` close before the system call instruction decides among what is left. In
 * 32-bit programs that instruction is the vdso's, and the number stands before the call of it.
 */
#include <asm/unistd_64.h>
#include <string.h>

#include "kernel/ptrace.h"
#include "kernel/restart.h"

#define NR_RESTART_32	      0
#define FUTEX_FLAGS	      0x180 /* FUTEX_PRIVATE_FLAG, FUTEX_CLOCK_REALTIME */
#define FUTEX_WAIT	      0
#define FUTEX_WAIT_BITSET     9
#define TIMER_ABSTIME	      1
#define LOWEST_ADDRESS	      0x1000
#define CODE_BEFORE	      64
#define ERESTART_RESTARTBLOCK 516

enum shape { SHAPE_NANOSLEEP, SHAPE_CLOCK_NANOSLEEP, SHAPE_POLL, SHAPE_FUTEX };

struct candidate {
	long nr;
	enum shape shape;
	bool small_time; /* struct old_timespec32 */
};

static const struct candidate native[] = {
	{ __NR_nanosleep, SHAPE_NANOSLEEP, false },
	{ __NR_clock_nanosleep, SHAPE_CLOCK_NANOSLEEP, false },
	{ __NR_poll, SHAPE_POLL, false },
	{ __NR_futex, SHAPE_FUTEX, false },
	{ 0 },
};
/* i386: nanosleep, clock_nanosleep, clock_nanosleep_time64, poll, futex, futex_time64. */
static const struct candidate compat[] = {
	{ 162, SHAPE_NANOSLEEP, true },
	{ 267, SHAPE_CLOCK_NANOSLEEP, true },
	{ 407, SHAPE_CLOCK_NANOSLEEP, false },
	{ 168, SHAPE_POLL, false },
	{ 240, SHAPE_FUTEX, true },
	{ 422, SHAPE_FUTEX, false },
	{ 0 },
};

static const struct candidate *candidates(const struct cpu_regs *regs)
{
	return regs_compat(regs) ? compat : native;
}

static void arguments(const struct cpu_regs *regs, uint64_t a[6])
{
	const struct user_regs_struct *r = &regs->r;

	if (regs_compat(regs)) {
		const uint64_t from[6] = { r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp };

		for (int i = 0; i < 6; i++)
			a[i] = (uint32_t)from[i];
	} else {
		const uint64_t from[6] = { r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9 };

		memcpy(a, from, sizeof(from));
	}
}

bool restart_hides_call(const struct cpu_regs *regs, int mem_fd)
{
	bool is_compat = regs_compat(regs);
	int32_t restart = is_compat ? NR_RESTART_32 : __NR_restart_syscall;
	int32_t result = regs->r.rax, orig = regs->r.orig_rax;
	unsigned char code[2];

	if (orig >= 0 && result == -ERESTART_RESTARTBLOCK)
		return orig == restart;
	/* The kernel has gone back to the instruction for it, or the agent's way out has. */
	if (result != restart || mem_read(mem_fd, regs_ip(regs), code, sizeof(code)) < 0)
		return false;
	return (code[0] == 0x0f && code[1] == 0x05) ||
	       (is_compat && code[0] == 0xcd && code[1] == 0x80);
}

enum restart_kind restart_kind_of(const char *wchan)
{
	if (strstr(wchan, "futex"))
		return RESTART_FUTEX;
	if (strstr(wchan, "poll"))
		return RESTART_POLL;
	/* hrtimer_nanosleep, do_cpu_nanosleep, alarmtimer_do_nsleep; and where the compiler has
	 * made the last call of each a jump, nothing above the entry is left of it. */
	if (strstr(wchan, "sleep") || strstr(wchan, "do_syscall") ||
	    strstr(wchan, "fast_syscall") || strstr(wchan, "int80"))
		return RESTART_SLEEP;
	return RESTART_ANY;
}

static bool read_time(int mem_fd, uint64_t at, bool small, int64_t ret[2])
{
	int32_t words[2];

	if (at < LOWEST_ADDRESS)
		return false;
	if (!small)
		return mem_read(mem_fd, at, ret, 2 * sizeof(*ret)) == 0;
	if (mem_read(mem_fd, at, words, sizeof(words)) < 0)
		return false;
	ret[0] = words[0];
	ret[1] = words[1];
	return true;
}

static bool is_time(int mem_fd, uint64_t at, bool small)
{
	int64_t time[2];

	/* No time at all is nothing to sleep for. */
	return read_time(mem_fd, at, small, time) && time[0] >= 0 && time[1] >= 0 &&
	       time[1] < 1000000000 && (time[0] || time[1]);
}

static bool is_place(int mem_fd, uint64_t at)
{
	char byte;

	return at >= LOWEST_ADDRESS && mem_read(mem_fd, at, &byte, 1) == 0;
}

static bool are_pollfds(int mem_fd, uint64_t at, uint32_t n)
{
	struct {
		int32_t fd;
		uint16_t events, revents;
	} one;

	for (uint32_t i = 0; i < n && i < 16; i++, at += sizeof(one))
		if (mem_read(mem_fd, at, &one, sizeof(one)) < 0 || one.fd >= 1 << 20 ||
		    ((one.events | one.revents) & ~0x3fff))
			return false;
	return true;
}

static bool fits(const struct candidate *c, const uint64_t a[6], int mem_fd, enum restart_kind kind)
{
	uint32_t op = a[1] & ~FUTEX_FLAGS;

	switch (c->shape) {
	case SHAPE_NANOSLEEP:
		return is_time(mem_fd, a[0], c->small_time) && (!a[1] || is_place(mem_fd, a[1]));
	case SHAPE_CLOCK_NANOSLEEP: /* an id of the kernel's, or of a CPU clock: negative */
		return ((uint32_t)a[0] < 16 || (int32_t)a[0] < 0) &&
		       !((uint32_t)a[1] & TIMER_ABSTIME) && is_time(mem_fd, a[2], c->small_time) &&
		       (!a[3] || is_place(mem_fd, a[3]));
	case SHAPE_POLL:
		if (!(uint32_t)a[2]) /* does not wait */
			return false;
		/* of nothing, at a place: that would rather be a nanosleep */
		if (!(uint32_t)a[1])
			return !a[0] || kind == RESTART_POLL;
		return (uint32_t)a[1] < 1 << 20 && is_place(mem_fd, a[0]) &&
		       are_pollfds(mem_fd, a[0], a[1]);
	case SHAPE_FUTEX:
		return (op == FUTEX_WAIT || op == FUTEX_WAIT_BITSET) && !(a[0] & 3) &&
		       is_place(mem_fd, a[0]) && is_time(mem_fd, a[3], c->small_time);
	}
	return false;
}

static bool of_kind(const struct candidate *c, enum restart_kind kind)
{
	switch (kind) {
	case RESTART_SLEEP:
		return c->shape == SHAPE_NANOSLEEP || c->shape == SHAPE_CLOCK_NANOSLEEP;
	case RESTART_POLL:
		return c->shape == SHAPE_POLL;
	case RESTART_FUTEX:
		return c->shape == SHAPE_FUTEX;
	default:
		return true;
	}
}

/* The candidate whose number is loaded closest before this place: mov $nr, %eax (or %rax). */
static long number_before(const struct candidate *list, int mem_fd, uint64_t at)
{
	unsigned char code[CODE_BEFORE];

	if (at < CODE_BEFORE || mem_read(mem_fd, at - CODE_BEFORE, code, sizeof(code)) < 0)
		return 0;
	for (int i = CODE_BEFORE - 5; i >= 0; i--) {
		bool wide = i && code[i] == 0xc0 && code[i - 1] == 0xc7;
		int32_t nr;

		if (code[i] != 0xb8 && !wide)
			continue;
		memcpy(&nr, code + i + 1, sizeof(nr));
		for (const struct candidate *c = list; c->nr; c++)
			if (c->nr == nr)
				return nr;
	}
	return 0;
}

static long number_in_code(const struct cpu_regs *regs, int mem_fd)
{
	const struct candidate *list = candidates(regs);
	uint32_t back;
	long nr = number_before(list, mem_fd, regs_ip(regs));

	/* __kernel_vsyscall has put %ecx, %edx and %ebp onto the stack, above them is its caller. */
	if (!nr && regs_compat(regs) &&
	    mem_read(mem_fd, (uint32_t)regs_sp(regs) + 12, &back, sizeof(back)) == 0)
		nr = number_before(list, mem_fd, back);
	return nr;
}

long restart_find(const struct cpu_regs *regs, int mem_fd, enum restart_kind kind)
{
	const struct candidate *list = candidates(regs);
	long in_code = number_in_code(regs, mem_fd), found = 0;
	uint64_t a[6];
	int n = 0;

	arguments(regs, a);
	for (const struct candidate *c = list; c->nr; c++) {
		if (!of_kind(c, kind) || !fits(c, a, mem_fd, kind))
			continue;
		if (c->nr == in_code)
			return in_code;
		found = c->nr;
		n++;
	}
	return n == 1 ? found : 0;
}

static bool shorter(const int64_t a[2], const int64_t b[2])
{
	return a[0] < b[0] || (a[0] == b[0] && a[1] <= b[1]);
}

bool restart_time_left(const struct cpu_regs *regs, long nr, int mem_fd, uint64_t ret_args[6])
{
	const struct candidate *c = candidates(regs);
	int64_t whole[2], left[2];
	uint64_t a[6], wanted;

	while (c->nr && c->nr != nr)
		c++;
	arguments(regs, a);
	if (!c->nr || c->shape == SHAPE_POLL || c->shape == SHAPE_FUTEX)
		return false;
	wanted = c->shape == SHAPE_NANOSLEEP ? 0 : 2;
	if (!read_time(mem_fd, a[wanted], c->small_time, whole) ||
	    !is_time(mem_fd, a[wanted + 1], c->small_time) ||
	    !read_time(mem_fd, a[wanted + 1], c->small_time, left) || !shorter(left, whole))
		return false;
	memcpy(ret_args, a, sizeof(a));
	ret_args[wanted] = a[wanted + 1];
	return true;
}
