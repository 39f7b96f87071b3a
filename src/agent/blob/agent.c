/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter: runs one program (agent/wire.h). Freestanding, position independent, without
 * writable data of its own; whatever it writes, it writes into the program.
 */
#include <stddef.h>
#include <stdint.h>

#include "agent/wire.h"
#include "calls.h"
#include "offsets.h"

_Static_assert(offsetof(struct agent_program, stop_signo) == PROG_STOP_SIGNO, "");
_Static_assert(offsetof(struct agent_program, data) == PROG_DATA, "");
_Static_assert(offsetof(struct agent_program, data_len) == PROG_DATA_LEN, "");
_Static_assert(offsetof(struct agent_program, stack) == PROG_STACK, "");
_Static_assert(offsetof(struct agent_program, exit) == PROG_EXIT, "");

enum { FUTEX_WAIT = 0, FUTEX_WAKE = 1, EINTR = 4, EAGAIN = 11, EFAULT = 14, EINVAL = 22 };

/* Counters may be shared between processes: no FUTEX_PRIVATE_FLAG. */
static int64_t counter_post(uint32_t *counter, uint32_t goal)
{
	uint64_t wake[6] = { (uint64_t)counter, FUTEX_WAKE, 0x7fffffff };

	if (__atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST) < goal)
		return 0;
	return agent_syscall(AGENT_NR_futex, wake);
}

static int64_t counter_wait(uint32_t *counter, uint32_t value)
{
	for (;;) {
		uint32_t now = __atomic_load_n(counter, __ATOMIC_SEQ_CST);
		uint64_t wait[6] = { (uint64_t)counter, FUTEX_WAIT, now };
		int64_t ret;

		if ((int32_t)(now - value) >= 0)
			return 0;
		ret = agent_syscall(AGENT_NR_futex, wait);
		if (ret < 0 && ret != -EAGAIN && ret != -EINTR)
			return ret;
	}
}

/* Reads or writes 1, 2, 4 or 8 bytes of the process' memory. */
static int64_t word_load(const void *p, uint64_t size)
{
	switch (size) {
	case 1:
		return *(const volatile uint8_t *)p;
	case 2:
		return *(const volatile uint16_t *)p;
	case 4:
		return *(const volatile uint32_t *)p;
	case 8:
		return *(const volatile int64_t *)p;
	default:
		return -EINVAL;
	}
}

static int64_t word_store(void *p, uint64_t value, uint64_t size)
{
	switch (size) {
	case 1:
		*(volatile uint8_t *)p = value;
		return 0;
	case 2:
		*(volatile uint16_t *)p = value;
		return 0;
	case 4:
		*(volatile uint32_t *)p = value;
		return 0;
	case 8:
		*(volatile uint64_t *)p = value;
		return 0;
	default:
		return -EINVAL;
	}
}

/* struct clone_args of clone3(2), as far as the agent fills it. */
struct clone_stack {
	uint64_t others[5], stack, stack_size;
};

/* The new thread finds its program and the area on top of its stack (agent_thread_start). */
static int64_t thread_start(const uint64_t a[6], char *area)
{
	struct agent_program *prog = (void *)(area + a[2]);
	struct clone_stack *args = (void *)a[0];
	uint64_t *top = (void *)(area + prog->stack - 16);

	top[0] = (uint64_t)prog;
	top[1] = (uint64_t)area;
	args->stack_size = 1024;
	args->stack = (uint64_t)top - args->stack_size;
	return agent_clone3(args, a[1]);
}

static int64_t run_call(const struct agent_call *call, const uint64_t a[6], char *area)
{
	switch (call->op) {
	case AGENT_SYSCALL:
		return agent_syscall(call->nr, a);
	case AGENT_SYSCALL32:
		return agent_syscall32(call->nr, a);
	case AGENT_THREAD:
		return thread_start(a, area);
	case AGENT_POST:
		return counter_post((uint32_t *)a[0], a[1]);
	case AGENT_WAIT:
		return counter_wait((uint32_t *)a[0], a[1]);
	case AGENT_STORE:
		return word_store((void *)a[0], a[1], a[2]);
	case AGENT_LOAD:
		return word_load((const void *)a[0], a[1]);
	case AGENT_ARCH:
		return agent_arch(a);
	default:
		return -EINVAL;
	}
}

static int demand_met(const struct agent_call *call)
{
	switch (call->demand) {
	case AGENT_OK:
		return call->result >= 0 || call->result < -4095;
	case AGENT_EQUAL:
		return call->result == call->want;
	default:
		return 1;
	}
}

static void load_args(uint64_t a[6], const struct agent_call *call, const struct agent_call *calls,
		      char *area)
{
	for (int k = 0; k < 6; k++) {
		a[k] = call->arg[k];
		switch ((call->kinds >> (4 * k)) & 15) {
		case AGENT_AREA:
			a[k] += (uint64_t)area;
			break;
		case AGENT_RESULT:
			a[k] = calls[a[k]].result;
			break;
		}
	}
}

/* Stops at the first result that is not as demanded. a: the arguments of the call before. */
static void run_again(struct agent_call *again, uint64_t a[6], char *area)
{
	for (int32_t n = 0; n < again->nr; n++) {
		for (int k = 0; k < 6; k++) {
			if (((again->kinds >> (4 * k)) & 15) == AGENT_TABLE)
				a[k] = ((const uint64_t *)(area + again->arg[k]))[n];
			else
				a[k] += again->arg[k];
		}
		again->result = run_call(again - 1, a, area);
		if (!demand_met(again))
			break;
	}
}

static _Noreturn void park(char *area, struct agent_program *prog)
{
	if (!prog->failed)
		counter_post((uint32_t *)(area + prog->end_counter), prog->end_goal);
	for (;;)
		/* A word that never reaches the value: the tool comes by ptrace. */
		counter_wait((uint32_t *)&prog->failed, 2);
}

__attribute__((visibility("hidden"))) void agent_run(struct agent_program *prog, char *area)
{
	struct agent_call *calls = (void *)(area + prog->calls);
	uint64_t a[6];

	for (uint64_t i = 0; i < prog->n_calls; i++) {
		struct agent_call *call = &calls[i];

		if (call->op == AGENT_AGAIN) {
			run_again(call, a, area);
		} else {
			load_args(a, call, calls, area);
			call->result = run_call(call, a, area);
		}
		prog->done = i + 1;
		if (!demand_met(call)) {
			prog->failed = 1;
			if (prog->failed_counter)
				counter_post((uint32_t *)(area + prog->failed_counter), 0);
			break;
		}
	}
	if (prog->end == AGENT_END_PARK)
		park(area, prog);
}
