/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puppets: processes that do what the director (the workload's main process) tells them
 * through shared memory, one command at a time, so that a tree of any shape is a list of
 * commands. Slot 0 is the director itself, who obeys his own commands in place.
 */
#ifndef WORKLOAD_TASK_PUPPET_H
#define WORKLOAD_TASK_PUPPET_H

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workload.h"

#define PUPPETS 1024

enum puppet_verb {
	PUPPET_FORK,	/* arg: slot of the new child */
	PUPPET_SIBLING, /* arg: slot of the new sibling (CLONE_PARENT) */
	PUPPET_SETSID,
	PUPPET_SETPGID,	  /* arg: slot whose group is joined; own slot: a new one */
	PUPPET_SUBREAPER, /* arg: 1 or 0 */
	PUPPET_REAP,	  /* arg: slot of a dead child */
	PUPPET_EXIT,	  /* arg: exit code; -signal to die of one */
	PUPPET_REPORT,	  /* nothing but an answer */
};

struct puppet {
	uint32_t asked, answered; /* command counters: futexes */
	int verb, arg, result;
	pid_t pid;
	bool alive;
	/* What was seen before the dump. */
	char state;
	pid_t parent, group, session;
};

static struct puppet *puppets;

static inline void puppet_futex(uint32_t *word, int op, uint32_t value)
{
	syscall(SYS_futex, word, op, value, NULL, NULL, 0);
}

static void puppet_live(int slot);

static inline int puppet_spawn(int slot, int flags)
{
	long pid = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		puppet_live(slot);
	if (pid < 0)
		return -errno;
	puppets[slot].pid = pid;
	return 0;
}

static inline int puppet_reap(int slot)
{
	int status;

	return waitpid(puppets[slot].pid, &status, 0) < 0 ? -errno : 0;
}

static inline int puppet_obey(int verb, int arg)
{
	switch (verb) {
	case PUPPET_FORK:
		return puppet_spawn(arg, 0);
	case PUPPET_SIBLING:
		return puppet_spawn(arg, CLONE_PARENT);
	case PUPPET_SETSID:
		return setsid() < 0 ? -errno : 0;
	case PUPPET_SETPGID:
		return setpgid(0, puppets[arg].pid) < 0 ? -errno : 0;
	case PUPPET_SUBREAPER:
		return prctl(PR_SET_CHILD_SUBREAPER, arg, 0, 0, 0) < 0 ? -errno : 0;
	case PUPPET_REAP:
		return puppet_reap(arg);
	case PUPPET_EXIT:
		if (arg < 0) {
			signal(-arg, SIG_DFL);
			kill(syscall(SYS_getpid), -arg);
		}
		_exit(arg);
	default:
		return 0;
	}
}

static void puppet_live(int slot)
{
	struct puppet *me = &puppets[slot];
	uint32_t seen = __atomic_load_n(&me->answered, __ATOMIC_SEQ_CST);

	for (;;) {
		while (__atomic_load_n(&me->asked, __ATOMIC_SEQ_CST) == seen)
			puppet_futex(&me->asked, FUTEX_WAIT, seen);
		me->result = puppet_obey(me->verb, me->arg);
		seen++;
		__atomic_store_n(&me->answered, seen, __ATOMIC_SEQ_CST);
		puppet_futex(&me->answered, FUTEX_WAKE, 1);
	}
}

/* Commands a puppet and waits for its answer; fails when it could not obey. */
static inline void puppet_do(int slot, enum puppet_verb verb, int arg)
{
	struct puppet *it = &puppets[slot];
	uint32_t seq = it->asked;
	int result;

	if (slot == 0) {
		result = puppet_obey(verb, arg);
	} else {
		it->verb = verb;
		it->arg = arg;
		__atomic_store_n(&it->asked, seq + 1, __ATOMIC_SEQ_CST);
		puppet_futex(&it->asked, FUTEX_WAKE, 1);
		if (verb == PUPPET_EXIT) {
			/* No answer: the kernel's own word that it is dead is waited for. */
			wl_await_state(it->pid, "ZX");
			it->alive = false;
			return;
		}
		while (__atomic_load_n(&it->answered, __ATOMIC_SEQ_CST) == seq)
			puppet_futex(&it->answered, FUTEX_WAIT, seq);
		result = it->result;
	}
	if (result)
		wl_fail("puppet %d: command %d with %d: %s", slot, verb, arg, strerror(-result));
	if (verb == PUPPET_FORK || verb == PUPPET_SIBLING)
		puppets[arg].alive = true;
	if (verb == PUPPET_REAP)
		puppets[arg].pid = 0;
}

static inline void puppet_init(void)
{
	puppets = wl_try(mmap(NULL, PUPPETS * sizeof(*puppets), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	puppets[0].pid = getpid();
	puppets[0].alive = true;
}

static inline void puppet_look(const struct puppet *it, struct puppet *ret_now)
{
	char *path = wl_format("/proc/%d/stat", it->pid), *text = wl_read_file(path);
	char *end = strrchr(text, ')');

	if (!end || sscanf(end + 2, "%c %d %d %d", &ret_now->state, &ret_now->parent,
			   &ret_now->group, &ret_now->session) != 4)
		wl_fail("%s reads \"%s\"", path, text);
	free(text);
	free(path);
}

/* Remembers where everybody is; zombies included. */
static inline void puppet_note_all(void)
{
	for (int i = 0; i < PUPPETS; i++)
		if (puppets[i].pid)
			puppet_look(&puppets[i], &puppets[i]);
}

/* Everybody must be where he was, in the kernel's view and (the living) in his own. */
static inline void puppet_check_all(void)
{
	for (int i = 0; i < PUPPETS; i++) {
		struct puppet now, *was = &puppets[i];

		if (!was->pid)
			continue;
		puppet_look(was, &now);
		if (now.group != was->group || now.session != was->session)
			wl_fail("puppet %d (pid %d) has group %d session %d, expected %d %d", i,
				was->pid, now.group, now.session, was->group, was->session);
		if ((now.state == 'Z') != (was->state == 'Z'))
			wl_fail("puppet %d (pid %d) has state %c, was %c", i, was->pid, now.state,
				was->state);
		/* The root's parent is not part of the tree. */
		if (i && now.parent != was->parent)
			wl_fail("puppet %d (pid %d) has parent %d, expected %d", i, was->pid,
				now.parent, was->parent);
		if (was->alive)
			puppet_do(i, PUPPET_REPORT, 0);
	}
}

/* Lets all end; the director must be the reaper of all orphans. */
static inline void puppet_end_all(void)
{
	for (int i = PUPPETS - 1; i > 0; i--)
		if (puppets[i].alive)
			kill(puppets[i].pid, SIGKILL);
	while (wait(NULL) > 0 || errno == EINTR)
		continue;
}

#endif
