/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ids of a parent, a child and a grandchild: pid, parent, group, session, thread id, as
 * the calls and as /proc give them.
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "workload.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct ids {
	pid_t pid, parent, group, session, tid;
};

static struct ids ids_now(void)
{
	return (struct ids){ getpid(), getppid(), getpgid(0), getsid(0), gettid() };
}

static void check_ids(const struct ids *want)
{
	struct ids now = ids_now();

	wl_check_eq(now.pid, want->pid);
	wl_check_eq(now.parent, want->parent);
	wl_check_eq(now.group, want->group);
	wl_check_eq(now.session, want->session);
	wl_check_eq(now.tid, want->tid);
	wl_check_eq(wl_status(getpid(), "Pid", 10), want->pid);
	wl_check_eq(wl_status(getpid(), "Tgid", 10), want->pid);
}

int main(void)
{
	struct wl_stage *ready = wl_stage_new(), *go = wl_stage_new();
	struct ids mine = ids_now(), kid;
	pid_t child = wl_fork(), grandchild;

	if (child == 0) {
		kid = ids_now();
		wl_check_eq(kid.parent, mine.pid);
		grandchild = wl_fork();
		if (grandchild == 0) {
			kid = ids_now();
			wl_stage_add(ready);
			wl_stage_await(go, 1);
			check_ids(&kid);
			_exit(0);
		}
		wl_stage_add(ready);
		wl_stage_await(go, 1);
		check_ids(&kid);
		wl_reap(grandchild);
		_exit(0);
	}
	wl_stage_await(ready, 2);
	wl_ready_and_wait();
	/* The parent of the root lives outside of the tree: a restore may give it another. */
	mine.parent = getppid();
	check_ids(&mine);
	wl_stage_add(go);
	wl_reap(child);
	wl_pass();
}
