/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NUMA memory policies: a process' and threads', with mode flags. They exist with one node as
 * well. Before Linux 5.14 a local policy is told as a preferred one without nodes.
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 *	wl: crossing none CRIU keeps no memory policy
 */
#define _GNU_SOURCE
#include "workload.h"

#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_NODES 1024

struct policy {
	int mode;
	unsigned long nodes[MAX_NODES / 64];
};

static void get(struct policy *policy, void *addr)
{
	wl_try(syscall(SYS_get_mempolicy, &policy->mode, policy->nodes, MAX_NODES, addr,
		       addr ? MPOL_F_ADDR : 0));
}

static void compare(const char *what, const struct policy *want, void *addr)
{
	struct policy now = { 0 };

	get(&now, addr);
	if (now.mode != want->mode || now.nodes[0] != want->nodes[0])
		wl_fail("policy of %s is 0x%x on nodes 0x%lx, expected 0x%x on 0x%lx", what,
			now.mode, now.nodes[0], want->mode, want->nodes[0]);
}

/* What the kernel tells where it is local. */
static int local = MPOL_LOCAL;

static void check(void *arg)
{
	struct policy want = *(const struct policy *)arg;

	if (want.mode == MPOL_LOCAL)
		want.mode = local;
	compare("task", &want, NULL);
}

static void set(void *arg)
{
	const struct policy *policy = arg;
	bool none = policy->nodes[0] == 0;

	wl_try(syscall(SYS_set_mempolicy, policy->mode, none ? NULL : policy->nodes,
		       none ? 0UL : MAX_NODES));
	check(arg);
}

int main(void)
{
	static struct policy policies[] = {
		{ .mode = MPOL_BIND, .nodes = { 1 } },
		{ .mode = MPOL_INTERLEAVE, .nodes = { 1 } },
		{ .mode = MPOL_PREFERRED, .nodes = { 1 } },
		{ .mode = MPOL_BIND | MPOL_F_STATIC_NODES, .nodes = { 1 } },
		{ .mode = MPOL_LOCAL },
	};

	struct policy told = { 0 };

	wl_try(syscall(SYS_set_mempolicy, MPOL_LOCAL, NULL, 0UL));
	get(&told, NULL);
	wl_check(told.mode == MPOL_LOCAL || told.mode == MPOL_PREFERRED);
	local = told.mode;
	wl_try(syscall(SYS_set_mempolicy, MPOL_DEFAULT, NULL, 0UL));
	for (int i = 0; i < 5; i++) {
		wl_actor_fork(set, check, &policies[i]);
		wl_actor_thread(set, check, &policies[i]);
	}
	wl_ready_and_wait();
	check(&(struct policy){ .mode = MPOL_DEFAULT });
	wl_actors_finish();
	wl_pass();
}
