/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A frozen tree: every thread of every process of it stands in a ptrace stop, as the kernel shows
 * it. Pids here are those of the tool's pid namespace.
 */
#ifndef TASK_TREE_H
#define TASK_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/journal.h"
#include "kernel/proc/proc.h"
#include "kernel/proc/stat.h"
#include "kernel/regs.h"
#include "task/cgroup_freeze.h"

struct thread_stop {
	pid_t tid;
	struct cpu_call before;	    /* as far as it was seen before the interrupt */
	struct cpu_regs regs;	    /* as the thread was stopped */
	struct cpu_vectors vectors; /* the same */
	uint64_t sigmask;
	long restart_nr;  /* the call that a restart_syscall(2) goes on with; 0: not known
			     (restart.c) */
	bool in_restart;  /* it is in restart_syscall(2) */
	bool frozen;	  /* we hold it */
	bool stood;	  /* and have been told of its stop */
	bool gone;	  /* ended while it was being frozen */
	bool asked_again; /* its interrupt may have been asked for twice (hold.c) */
};

struct proc_stop {
	pid_t pid;
	struct proc_stop *parent; /* NULL for the root */
	struct proc proc;	  /* /proc/PID */
	int pidfd, mem_fd;	  /* mem_fd is -1 for zombies */
	bool held;		  /* part of the tree */
	bool zombie;		  /* ended, not reaped yet; has no threads */
	bool leader_gone;	  /* the leader has ended, other threads go on */
	pid_t via;	     /* a living thread by which what is the process' own is read, as by
			      * proc and pidfd: the leader if it lives */
	uint64_t start_time; /* clock ticks after boot */
	int64_t rss_pages;   /* when it was held */
	int stop_signo;	     /* in a group stop by this signal; 0: was running */
	bool late_stop;	     /* a SIGSTOP came while the agent was inside: it is sent again */
	struct thread_stop *threads; /* [0] is the leader if it lives, then ascending */
	size_t n_threads, room_threads;
	struct infection *infection; /* NULL: no agent inside (task/infect.h) */
};

struct kmem_view; /* kernel/kmem.h */

struct tree_stop {
	struct arena *arena;
	struct proc_buf buf;
	struct proc_stop **procs; /* parents before children; [0] is the root */
	size_t n_procs;
	struct hash by_pid;	 /* pid -> struct proc_stop */
	uint64_t frozen_at;	 /* CLOCK_MONOTONIC, ns: when the first thread was asked to stop */
	unsigned int timeout;	 /* seconds; 0: none */
	struct journal *journal; /* of what is done inside of processes; NULL: none is kept */
	struct cgroup_freeze
		group; /* frozen to catch the tree; gets its state back at the release */
	enum { FREEZERS_UNKNOWN, FREEZERS_NONE, FREEZERS_V1 } freezers; /* freeze.c */
	struct kmem_view *kernel; /* the kernel's memory, if need be; NULL: not to be looked at */
	struct hash childless;	  /* childless.h */
	struct hash early; /* threads that are seized before the freeze finds them (early.h) */
	pid_t *early_tids;
	size_t n_early;
};

/* Freezes the tree with this root, whole or not at all. On failure nothing stays frozen. cgroup is
 * the path of a freezer group that helps (NULL: none); what is done outside is put into the journal
 * (NULL: none is kept). The kernel's memory is looked at where that saves time. */
int tree_freeze(struct tree_stop *tree, pid_t root, const char *cgroup,
		unsigned int timeout_seconds, struct journal *journal, struct kmem_view *kernel,
		struct arena *arena, struct err *err);

/* Freezes all threads of one process; its children run on. The journal is that of visits (NULL:
 * none is kept). */
int tree_freeze_one(struct tree_stop *tree, pid_t pid, unsigned int timeout_seconds,
		    struct journal *journal, struct arena *arena, struct err *err);

enum tree_end {
	TREE_RUN,  /* goes on as it was */
	TREE_STOP, /* is left stopped, as by SIGSTOP */
	TREE_KILL, /* is killed; returns when all are gone */
};
/* Lets go of all; agents must have left. Works on a half-frozen tree too. */
void tree_release(struct tree_stop *tree, enum tree_end end);

/* Waits for the next stop of one frozen thread that was let run; -ETIMEDOUT after the tree's
 * timeout, -ESRCH when it ended instead. */
struct ptrace_report;
int tree_wait(const struct tree_stop *tree, pid_t tid, struct ptrace_report *ret, struct err *err);

uint64_t monotonic_ns(void);

#endif
