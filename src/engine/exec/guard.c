/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that exec does not make, see exec.h. */
#if defined(__x86_64__)
#include <asm/prctl.h>
#endif
#include <errno.h>
#include <linux/prctl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>

#include "agent/syscalls.h"
#include "base/cleanup.h"
#include "engine/exec/exec.h"

#define X32_BIT 0x40000000

static const struct {
	const char *name, *why;
} refused[] = {
	{ "exit",
	  "it would end the thread that makes the call; kill sends a signal to the process" },
	{ "exit_group", "it would end the process; kill sends it a signal" },
	{ "execve", "the program would be replaced while the agent is in it" },
	{ "execveat", "the program would be replaced while the agent is in it" },
	{ "fork", "the child would go on with the program's code, as if the program had forked" },
	{ "vfork", "the child would go on with the program's code, on its stack" },
	{ "clone", "the child would go on with the program's code, as if the program had forked" },
	{ "clone3", "the child would go on with the program's code, as if the program had forked" },
	{ "sigreturn", "it takes registers from a signal frame, and there is none" },
	{ "rt_sigreturn", "it takes registers from a signal frame, and there is none" },
	{ "restart_syscall", "it would end the wait in which the program itself is" },
	{ "sigprocmask", "signals are blocked meanwhile, and the mask is put back afterwards; "
			 "/proc/PID/status shows it as SigBlk" },
	{ "rt_sigprocmask", "signals are blocked meanwhile, and the mask is put back afterwards; "
			    "/proc/PID/status shows it as SigBlk" },
	{ "ssetmask", "the signal mask is put back afterwards" },
	{ "sgetmask", "signals are blocked meanwhile; /proc/PID/status shows the mask as SigBlk" },
	{ "sigsuspend", "the program's handlers can't run meanwhile" },
	{ "rt_sigsuspend", "the program's handlers can't run meanwhile" },
};

/* Calls that wait with another signal mask: the place of the argument that must be NULL. */
static const struct {
	const char *name;
	unsigned int mask;
} masked[] = {
	{ "ppoll", 3 },		  { "ppoll_time64", 3 },	 { "pselect6", 5 },
	{ "pselect6_time64", 5 }, { "epoll_pwait", 4 },		 { "epoll_pwait2", 4 },
	{ "io_pgetevents", 5 },	  { "io_pgetevents_time64", 5 },
};

/* Waits that use the one place where the kernel keeps what is left of an interrupted one (struct
 * restart_block): sleeps at once, the others if they are taken back; unless the argument is 0. */
static const struct {
	const char *name;
	int unless_zero; /* -1: always */
} waits[] = {
	{ "nanosleep", -1 },
	{ "clock_nanosleep", -1 },
	{ "clock_nanosleep_time64", -1 },
	{ "poll", 2 },
	{ "futex", 3 },
	{ "futex_time64", 3 },
};

/* Calls on a range of addresses: the arguments that hold start and length. */
static const struct {
	const char *name;
	unsigned int start, len;
	int flags;     /* the argument with flags, -1: none */
	uint64_t bits; /* of which one has to be set for the range to matter */
} ranged[] = {
	{ "munmap", 0, 1, -1, 0 },	  { "mprotect", 0, 1, -1, 0 },
	{ "pkey_mprotect", 0, 1, -1, 0 }, { "madvise", 0, 1, -1, 0 },
	{ "mseal", 0, 1, -1, 0 },	  { "remap_file_pages", 0, 1, -1, 0 },
	{ "mremap", 0, 1, -1, 0 },	  { "mremap", 4, 2, 3, MREMAP_FIXED },
	{ "mmap", 0, 1, 3, MAP_FIXED },	  { "mmap2", 0, 1, 3, MAP_FIXED },
	{ "shmat", 1, 1, 2, SHM_REMAP },  { "map_shadow_stack", 0, 1, -1, 0 },
};

static bool is_syscall(const struct agent_call *c)
{
	return c->op == AGENT_SYSCALL || c->op == AGENT_SYSCALL32;
}

static const char *name_of(const struct agent_call *c)
{
	const char *name = syscall_name(c->nr, c->op == AGENT_SYSCALL32);

	return name ? name : "";
}

static enum agent_arg kind_of(const struct agent_call *c, unsigned int k)
{
	return (c->kinds >> (4 * k)) & 15;
}

static bool is_zero(const struct agent_call *c, unsigned int k)
{
	return kind_of(c, k) == AGENT_IMM && !c->arg[k];
}

static int refuse(struct err *err, const char *name, const char *why)
{
	return err_set(err, ERR_AGENT, 0, "%s can't be run in another process: %s", name, why);
}

static int guard_registers(const struct agent_call *c, const char *name, struct err *err)
{
#if defined(__x86_64__)
	if (!strcmp(name, "arch_prctl") &&
	    (kind_of(c, 0) != AGENT_IMM || c->arg[0] == ARCH_SET_FS || c->arg[0] == ARCH_SET_GS))
		return refuse(err, name,
			      "what it sets are registers, which are put back afterwards");
#endif
	if (!strcmp(name, "prctl") && c->arg[0] == PR_SET_SYSCALL_USER_DISPATCH && !is_zero(c, 1))
		return refuse(err, name,
			      "the agent's own calls would be dispatched to the program");
	return 0;
}

static int guard_call(const struct agent_call *c, const struct thread_stop *t, struct err *err)
{
	const char *name = name_of(c);

	if (c->op == AGENT_SYSCALL && (c->nr & X32_BIT))
		return refuse(err, "a call of the x32 interface",
			      "use the number of the native one");
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (!strcmp(name, refused[i].name))
			return refuse(err, name, refused[i].why);
	for (size_t i = 0; i < ARRAY_SIZE(masked); i++)
		if (!strcmp(name, masked[i].name) && !is_zero(c, masked[i].mask))
			return refuse(err, name,
				      "the program's handlers can't run meanwhile; without a "
				      "signal mask it can");
	for (size_t i = 0; i < ARRAY_SIZE(waits) && regs_restart_block(&t->regs); i++)
		if (!strcmp(name, waits[i].name) &&
		    (waits[i].unless_zero < 0 || !is_zero(c, waits[i].unless_zero)))
			return refuse(err, name,
				      "the process itself waits just now, and the kernel would "
				      "forget for how long");
	return guard_registers(c, name, err);
}

int exec_guard_calls(const struct program *p, const struct thread_stop *t, struct err *err)
{
	const struct agent_call *calls = program_calls(p);
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < p->n; i++)
		if (is_syscall(&calls[i]))
			ret = guard_call(&calls[i], t, err);
	return ret;
}

static bool overlap(uint64_t start, uint64_t len, uint64_t from, uint64_t to)
{
	uint64_t end = len > UINT64_MAX - start ? UINT64_MAX : start + len;

	return start < to && end > from;
}

/* 32-bit mmap takes its arguments in memory; and what a call returned is the process' own. */
static bool ranges_over(const struct agent_call *c, size_t i, const struct visit *v)
{
	unsigned int s = ranged[i].start, l = ranged[i].len;
	uint64_t len = l == s ? 1 : kind_of(c, l) == AGENT_IMM ? c->arg[l] : UINT64_MAX;

	if (ranged[i].flags >= 0 && kind_of(c, ranged[i].flags) == AGENT_IMM &&
	    !(c->arg[ranged[i].flags] & ranged[i].bits))
		return false;
	if (kind_of(c, s) == AGENT_AREA)
		return true;
	if (kind_of(c, s) != AGENT_IMM)
		return false;
	return overlap(c->arg[s], len, v->addr, v->addr + area_size(v->area)) ||
	       overlap(c->arg[s], len, v->spot & ~UINT64_C(4095), (v->spot | 4095) + 1);
}

int exec_guard_addresses(const struct program *p, const struct visit *v, struct err *err)
{
	for (size_t k = 0; k < p->n; k++) {
		const struct agent_call *c = &program_calls(p)[k];

		if (!is_syscall(c) || (c->op == AGENT_SYSCALL32 && !strcmp(name_of(c), "mmap")))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(ranged); i++)
			if (!strcmp(name_of(c), ranged[i].name) && ranges_over(c, i, v))
				return refuse(
					err, name_of(c),
					"the range holds memory that the agent needs to leave");
	}
	return 0;
}
