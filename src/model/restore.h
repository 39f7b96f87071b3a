/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model of a restore: entries read from images, linked by small structs. It is built and
 * checked before anything is forked; the forked tasks inherit it and change only their own part.
 * What tasks tell each other goes through struct restore_shared.
 */
#ifndef MODEL_RESTORE_H
#define MODEL_RESTORE_H

#include "agent/assemble.h"
#include "base/hash.h"
#include "base/progress.h"
#include "image/messages.h"
#include "kernel/probe/features.h"
#include "model/session.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

/* What calls that the tool makes in a held task point at; one task at a time. */
struct restore_scratch {
	uint64_t set;
	struct timespec no_time;
	siginfo_t info;
};

/* Shared memory at the start of the home range, the same address in all tasks. */
struct restore_shared {
	struct err err;
	/* The kernel marks the word when the tool ends, however it ends (wait.c). */
	struct {
		struct robust_list list;
		_Atomic uint32_t word;
	} lifeline;
	_Atomic uint32_t failed;  /* somebody failed: everybody leaves */
	_Atomic uint32_t born;	  /* tasks that have forked all their children */
	_Atomic uint32_t grouped; /* tasks whose process groups, if they lead one, stand */
	_Atomic uint32_t joined;  /* tasks that are in their groups, or lead one they must leave */
	_Atomic uint32_t adopted; /* tasks that have come to the parent that they had */
	_Atomic uint32_t opened;  /* tasks that have opened all their files */
	_Atomic uint32_t ready;	  /* tasks that have done all that C code does */
	_Atomic uint32_t moved;	  /* programs that need no descriptor of the tool's any more */
	_Atomic uint32_t parked;  /* threads whose programs have ended well */
	_Atomic uint32_t bad;	  /* programs that have failed (posted by the agent) */
	_Atomic uint32_t go;	  /* the tool holds all leaders: programs may run */
	_Atomic uint32_t filters_ready; /* threads that come to install seccomp filters */
	_Atomic uint32_t filters_go;	/* the tool is their tracer and has suspended them */
	_Atomic uint32_t commit;	/* the tree lives, with or without the tool */
	_Atomic uint32_t lock;		/* for short exclusive work on names in directories */
	_Atomic uint64_t filled;	/* bytes of memory that have come from the images by now */
	_Atomic uint64_t pages_restored, pages_compared, pages_skipped_cow;
	struct restore_scratch scratch;
	uint64_t header[]; /* by task index: offset of its first program's header; others follow */
};

struct restore_thread {
	struct restore_task *task;
	CoreEntry *core;
	CrtoolsThreadEntry *extra; /* may be NULL */
	struct program *prog;
	pid_t vtid;
	bool seized;  /* by the tool; the leader by seize_leaders() */
	bool goes_on; /* has a restart block with what was left of its time (engine/restore/sleep.c)
		       */
	long behind;  /* the call behind restart_syscall(2), in images of CRIU; 0: not known */
};

struct restore_vma {
	VmaEntry *e;
	const struct area_class *class;
	uint64_t addr;	   /* where it is now: e->start, or a place in the home range */
	bool placed;	   /* mapped at addr in this task */
	bool inherited;	   /* came from the parent with its contents */
	bool shared_below; /* a child will inherit it */
	int prot;	   /* protection it is mapped with now */
};

struct restore_fd {
	FdinfoEntry *e;
	struct restore_file *file;
};

struct restore_table {
	uint32_t id;
	struct restore_task *owner; /* the topmost task with it; others share by CLONE_FILES */
	struct restore_fd *fds;
	size_t n_fds;
};

struct restore_task {
	struct restore *r;
	struct restore_task *parent, **children;
	size_t n_children;
	size_t index; /* in r->tasks */
	pid_t vpid;
	bool zombie;
	bool helper; /* stands for a session or group leader that is gone; ends before the tree runs
		      */
	struct restore_task *forker; /* who forks it: the parent, a sibling or a stand-in; NULL: the
				      * tool */
	bool sibling; /* the forker makes it a child of its own parent (CLONE_PARENT) */
	struct restore_task **brood; /* those whose forker this one is */
	size_t n_brood;
	bool adopted; /* comes to its parent as an orphan; the parent adopts */
	bool adopts;
	size_t turn;		   /* a stand-in ends when so many orphans have been adopted */
	bool leads_group;	   /* a process group has its id, be it in it or not */
	bool early;		   /* forked before its forker makes a session of its own */
	struct restore_file **own; /* files that this task opens */
	size_t n_own;
	bool shares_table; /* some of the brood have its descriptor table */
	_Atomic bool all_open;

	PstreeEntry *pstree;
	CoreEntry *core;
	TaskKobjIdsEntry *ids;
	MmEntry *mm;
	FsEntry *fs;
	CrtoolsTaskEntry *extra; /* may be NULL */
	struct restore_thread *threads;
	size_t n_threads;
	struct restore_vma *vmas;
	size_t n_vmas;
	struct restore_table *table;
	struct page_pool *pages;    /* pages room: what pagemap-<vpid> holds, once it is open */
	const unsigned char *alike; /* by page of its pages file: 1 if the forker has the same at
				     * the same address; NULL: not known (engine/restore/alike.c) */

	struct area *area; /* the programs; built by plan_programs */
	uint64_t area_addr;
	bool fill_home; /* set by emit: below stage_from, the home range is to have no holes */
	void *priv[32];

	pid_t real_pid;	     /* known to the tool once born */
	uint64_t start_time; /* clock ticks after boot: tells it from a later task with its id */
};

/* One open file description (or file by path) of the images. */
struct restore_file {
	FileEntry *entry;
	const struct file_class *class;
	uint32_t id;
	struct restore_task *owner; /* the task that opens it; NULL: no descriptor refers to it */
	bool shared;		    /* owner's descendants use it too: opened before forking */
	const FdinfoEntry *first;   /* one of the owner's descriptors, if nobody shares it */
	int stage_fd;	   /* number at which the owner and its heirs have it until the end; -1 */
	_Atomic bool open; /* done in this task or inherited */
	bool bare;	   /* open, and still to be furnished */
	bool plain;	   /* restore_cloexec() */
	bool resized;	   /* a socket: its buffers were set, which locks their sizes */
	size_t index;	   /* in r->files */
	struct restore_file *group; /* restore_group: leads to the group's first; NULL: that is it */
	size_t group_size;	    /* how many others lead here */
	bool late; /* set by check: can be opened only when all tasks were born (a file below
		    * /proc/PID of one of them); heirs then fetch it from the owner by pidfd_getfd */
	void *priv;
};

/* restore_open_before() */
struct restore_need {
	struct restore_file *file;
	struct restore_task *task;
};

struct restore {
	struct session *s;
	struct restore_task **tasks; /* parents first */
	size_t n_tasks;
	size_t n_living; /* tasks that will run: no zombies, no stand-ins */
	size_t n_living_threads;
	struct restore_task *root;
	struct hash task_by_pid, thread_ids, file_by_id, table_by_id;
	struct restore_file **files;
	size_t n_files;
	struct restore_need *needs;
	size_t n_needs;
	InventoryEntry *inventory;
	struct restore_shared *shared;
	struct progress progress;
	struct features features; /* what this kernel can do, as far as it was asked for */
	bool crowded;		  /* threads of this task work at files */
	uint32_t xsave_size;	  /* cpuinfo.img: bytes of all registers that a task had there; 0 */
	_Atomic int *late_fds; /* in shared memory, by file index: where its owner has a late file */
	/* A range that no task of the tree uses, nor the tool: shared page, programs, staging. */
	uint64_t home, home_size, stage_at;
	uint64_t stage_from; /* where staging begins */
	uint64_t exits_at;   /* in it: where each task has the ways out of its threads */
	/* Descriptor numbers: 1 for those that a task of the tree wants; where to look for a free
	 * one. */
	unsigned char *numbers;
	size_t n_numbers;
	int free_fd;
	bool *inherit_taken; /* by number of --inherit-fd: something of the images has its key */
	void *priv[64];
};

/* The descriptor that --inherit-fd gives for a key, or -1. At check: to know which keys fit. */
int restore_inherit_fd(struct restore *r, const char *key);
/* When all are checked: warns of keys that nothing has. */
void restore_judge_inherited(struct restore *r);

/* For a class' open: flag (O_CLOEXEC, SOCK_CLOEXEC…), or 0 where the descriptor may be made without
 * it at once, as the task is to have it, so that nobody has to take it away: then f->plain. */
static inline int restore_cloexec(const struct restore_task *t, struct restore_file *f, int flag)
{
	f->plain = f->first && !(f->first->flags & FD_CLOEXEC) && !f->shared && !f->late &&
		   !t->shares_table;
	return f->plain ? 0 : flag;
}

static inline struct arena *restore_arena(const struct restore *r)
{
	return &r->s->arena;
}
static inline struct err *restore_err(const struct restore *r)
{
	return r->s->err;
}

/* The lowest common ancestor, by forkers: the last that both can have something from. */
struct restore_task *restore_common_task(struct restore_task *a, struct restore_task *b);
/* For class->check: a and b (two ends of one pipe) have to be opened by the same task, their
 * owners' common ancestor; one that no task has gets an owner by it. */
void restore_group(struct restore *r, struct restore_file *a, struct restore_file *b);
/* One file of the group that stands for it. */
struct restore_file *restore_group_of(struct restore_file *f);
/* For class->check: f has to be open before t is born, or else t itself opens it. */
void restore_open_before(struct restore *r, struct restore_file *f, struct restore_task *t);
/* For class->check: a helper task with this pid lives until all files are open (somebody holds
 * files of /proc/PID of a process that has ended). -EEXIST: the tree has such a pid. */
int restore_add_helper(struct restore *r, pid_t vpid);
struct restore_file *restore_file_by_id(const struct restore *r, uint32_t id);
/* For class->follow: waits until a file of the task is open; false: it is not, and all others are. */
bool restore_await_open(const struct restore_task *t, const struct restore_file *f);
/* Opens a file that is not a descriptor (exe, cwd, mapped file); the caller closes. */
int restore_open_by_id(struct restore_task *t, uint32_t id, int flags, int *ret_fd);
/* Moves a descriptor to a number that no task wants, where it stays (CLOEXEC) until the programs
 * close all of the tool's; the number or -errno with the error filled. From plan_home on, so not in
 * check. */
int service_fd(struct restore *r, int fd);
/* Addresses that stay free for this in the home range, aligned for huge pages of 2 MiB; 0: there
 * are none. What a task maps there goes when it runs again. */
uint64_t stage_alloc(struct restore *r, uint64_t size);

#endif
