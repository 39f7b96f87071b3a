/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See restart.h. Each candidate is judged by its arguments; the kernel's word excludes the other
 * kinds; a `mov x8, #nr` close before the system call instruction decides among what is left. There
 * is no poll(2) on this processor, and ppoll(2) has no restart block.
 */
#include <string.h>
#include <sys/syscall.h>

#include "kernel/code_aarch64.h"
#include "kernel/ptrace.h"
#include "kernel/restart.h"

#define FUTEX_FLAGS	  0x180 /* FUTEX_PRIVATE_FLAG, FUTEX_CLOCK_REALTIME */
#define FUTEX_WAIT	  0
#define FUTEX_WAIT_BITSET 9
#define TIMER_ABSTIME	  1
#define LOWEST_ADDRESS	  0x1000
#define CODE_BEFORE	  16 /* instructions */

bool restart_hides_call(const struct cpu_regs *regs, int mem_fd)
{
	uint32_t code;

	return regs->call < 0 && regs->r.regs[8] == SYS_restart_syscall &&
	       mem_read(mem_fd, regs_ip(regs), &code, sizeof(code)) == 0 && code == CODE_SVC;
}

enum restart_kind restart_kind_of(const char *wchan)
{
	if (strstr(wchan, "futex"))
		return RESTART_FUTEX;
	/* hrtimer_nanosleep, do_cpu_nanosleep, alarmtimer_do_nsleep; and where the compiler has
	 * made the last call of each a jump, nothing above the entry is left of it. */
	if (strstr(wchan, "sleep") || strstr(wchan, "invoke_syscall") || strstr(wchan, "el0_svc"))
		return RESTART_SLEEP;
	return RESTART_ANY;
}

/* A program that may (PR_SET_TAGGED_ADDR_CTRL) hands addresses with tags to the kernel. */
static uint64_t untagged(uint64_t at)
{
	return (uint64_t)((int64_t)(at << 8) >> 8);
}

static bool read_time(int mem_fd, uint64_t at, int64_t ret[2])
{
	at = untagged(at);
	return at >= LOWEST_ADDRESS && mem_read(mem_fd, at, ret, 2 * sizeof(*ret)) == 0;
}

static bool is_time(int mem_fd, uint64_t at)
{
	int64_t time[2];

	/* No time at all is nothing to sleep for. */
	return read_time(mem_fd, at, time) && time[0] >= 0 && time[1] >= 0 &&
	       time[1] < 1000000000 && (time[0] || time[1]);
}

static bool is_place(int mem_fd, uint64_t at)
{
	char byte;

	at = untagged(at);
	return at >= LOWEST_ADDRESS && mem_read(mem_fd, at, &byte, 1) == 0;
}

static bool fits(long nr, const unsigned long long a[6], int mem_fd)
{
	uint32_t op = a[1] & ~FUTEX_FLAGS;

	switch (nr) {
	case SYS_nanosleep:
		return is_time(mem_fd, a[0]) && (!a[1] || is_place(mem_fd, a[1]));
	case SYS_clock_nanosleep: /* an id of the kernel's, or of a CPU clock: negative */
		return ((uint32_t)a[0] < 16 || (int32_t)a[0] < 0) &&
		       !((uint32_t)a[1] & TIMER_ABSTIME) && is_time(mem_fd, a[2]) &&
		       (!a[3] || is_place(mem_fd, a[3]));
	case SYS_futex:
		return (op == FUTEX_WAIT || op == FUTEX_WAIT_BITSET) && !(a[0] & 3) &&
		       is_place(mem_fd, a[0]) && is_time(mem_fd, a[3]);
	default:
		return false;
	}
}

static const long candidates[] = { SYS_nanosleep, SYS_clock_nanosleep, SYS_futex };
#define N_CANDIDATES (sizeof(candidates) / sizeof(candidates[0]))

static bool of_kind(long nr, enum restart_kind kind)
{
	switch (kind) {
	case RESTART_SLEEP:
		return nr != SYS_futex;
	case RESTART_POLL:
		return false;
	case RESTART_FUTEX:
		return nr == SYS_futex;
	default:
		return true;
	}
}

/* The candidate whose number is loaded closest before the system call. */
static long number_in_code(const struct cpu_regs *regs, int mem_fd)
{
	uint32_t code[CODE_BEFORE];

	if (mem_read(mem_fd, regs_ip(regs) - sizeof(code), code, sizeof(code)) < 0)
		return 0;
	for (int i = CODE_BEFORE; i-- > 0;)
		for (size_t k = 0; CODE_IS_MOV_8(code[i]) && k < N_CANDIDATES; k++)
			if (CODE_MOV_8_N(code[i]) == candidates[k])
				return candidates[k];
	return 0;
}

long restart_find(const struct cpu_regs *regs, int mem_fd, enum restart_kind kind)
{
	long in_code = number_in_code(regs, mem_fd), found = 0;
	int n = 0;

	for (size_t k = 0; k < N_CANDIDATES; k++) {
		if (!of_kind(candidates[k], kind) || !fits(candidates[k], regs->r.regs, mem_fd))
			continue;
		if (candidates[k] == in_code)
			return in_code;
		found = candidates[k];
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
	const unsigned long long *a = regs->r.regs;
	unsigned int wanted = nr == SYS_nanosleep ? 0 : 2;
	int64_t whole[2], left[2];

	if (nr != SYS_nanosleep && nr != SYS_clock_nanosleep)
		return false;
	if (!read_time(mem_fd, a[wanted], whole) || !is_time(mem_fd, a[wanted + 1]) ||
	    !read_time(mem_fd, a[wanted + 1], left) || !shorter(left, whole))
		return false;
	memcpy(ret_args, a, 6 * sizeof(*a));
	ret_args[wanted] = a[wanted + 1];
	return true;
}
