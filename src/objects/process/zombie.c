/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task that has ended, and whose parent has not waited for it yet: its ids, name, signal mask,
 * limits and credentials are still there to see (ps shows whose it was, waitid(2) tells the uid),
 * and the wait status. The image of CRIU has the name and the status; the rest goes to our own.
 *
 * That a core was dumped (0x80 in the status) can't be had again without dumping one.
 */
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/capability.h>

#include "objects/process/core.h"

#define WAIT_SIGNAL 0x7f
#define WAIT_CORE   0x80

void zombie_collect(struct dump_task *t)
{
	struct arena *a = dump_arena(t->dump);
	CrtoolsZombie *z = arena_msg(a, CrtoolsZombie, crtools_zombie);

	for (int i = 0; i < 4; i++) {
		arena_push(a, z->uid, z->n_uid, t->status->uid[i]);
		arena_push(a, z->gid, z->n_gid, t->status->gid[i]);
	}
	for (size_t i = 0; i < t->status->n_groups; i++)
		arena_push(a, z->group, z->n_group, t->status->groups[i]);
	z->has_cap_effective = z->has_cap_permitted = z->has_cap_inheritable = true;
	z->cap_effective = t->status->cap_eff;
	z->cap_permitted = t->status->cap_prm;
	z->cap_inheritable = t->status->cap_inh;
	z->has_sig_caught = z->has_sig_ignored = true;
	z->sig_caught = t->status->sig_cgt;
	z->sig_ignored = t->status->sig_ign;
	t->extra->zombie = z;
	t->core->tc->blk_sigset = t->status->sig_blk;
	if (t->stat.exit_code & WAIT_CORE)
		task_warn(t, "its wait status", "says that a core was dumped; that is not restored",
			  "");
}

static void set_capabilities(const CrtoolsZombie *z)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2] = {
		{ z->cap_effective, z->cap_permitted, z->cap_inheritable },
		{ z->cap_effective >> 32, z->cap_permitted >> 32, z->cap_inheritable >> 32 },
	};

	syscall(SYS_capset, &head, data);
}

/* Nothing depends on it but what others see: without the privilege it stays the tool's. */
static void take_identity(const CrtoolsZombie *z)
{
	if (z->n_uid != 4 || z->n_gid != 4)
		return;
	if (setgroups(z->n_group, z->group) < 0 && errno != EPERM)
		return;
	if (setresgid(z->gid[0], z->gid[1], z->gid[2]) == 0)
		setfsgid(z->gid[3]);
	if (setresuid(z->uid[0], z->uid[1], z->uid[2]) == 0)
		setfsuid(z->uid[3]);
	set_capabilities(z);
}

static void take_limits(const TaskRlimitsEntry *e)
{
	for (size_t i = 0; e && i < e->n_rlimits && i < RLIM_NLIMITS; i++) {
		struct rlimit limit = { e->rlimits[i]->cur, e->rlimits[i]->max };

		setrlimit(i, &limit);
	}
}

/* Which signals had handlers is there to see, the handlers are not. What the tool ignores was not
 * ignored for that. */
static void take_handlers(const CrtoolsZombie *z)
{
	struct {
		void *handler;
		uint64_t flags, restorer, mask;
	} action = { 0 };

	for (int signo = 1; signo <= 64; signo++) {
		uint64_t bit = UINT64_C(1) << (signo - 1);

		action.handler = z->sig_caught & bit	? (void *)zombie_collect
				 : z->sig_ignored & bit ? (void *)SIG_IGN
							: (void *)SIG_DFL;
		if (z->has_sig_ignored || z->sig_caught & bit)
			syscall(SYS_rt_sigaction, signo, &action, NULL, 8);
	}
}

static void block(uint64_t mask)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
}

_Noreturn void zombie_end(const struct restore_task *t)
{
	const TaskCoreEntry *tc = t->core->tc;
	uint32_t signo = tc->exit_code & WAIT_SIGNAL;

	prctl(PR_SET_NAME, tc->comm);
	take_limits(tc->rlimits);
	if (t->extra && t->extra->zombie)
		take_identity(t->extra->zombie);
	if (t->extra && t->extra->zombie)
		take_handlers(t->extra->zombie);
	/* Changing ids made it killable by nobody's death and dumpable again. */
	prctl(PR_SET_DUMPABLE, 0);
	if (!signo) {
		block(tc->blk_sigset);
		_exit(tc->exit_code >> 8 & 0xff);
	}
	signal(signo, SIG_DFL);
	block(tc->blk_sigset & ~(UINT64_C(1) << (signo - 1)));
	kill(getpid(), signo);
	abort();
}
