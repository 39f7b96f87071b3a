/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of a class: everything about one kind of kernel object, dump and restore and check,
 * in one source file with one table of functions. NULL means nothing to do. All functions return
 * 0 or a negative errno with the session's error filled, unless it is said otherwise.
 *
 * The engine walks the tables (registry.c) and knows no kind by name.
 */
#ifndef OBJECTS_CLASS_H
#define OBJECTS_CLASS_H

#include "model/dump.h"
#include "model/restore.h"

/* --- one aspect of the state of tasks or threads -------------------------------------------- */

struct state_class {
	const char *name;
	/* Dump. The task is stopped: fill entries from /proc and ptrace, and put calls that read
	 * what only the process itself knows into the threads' programs (th->prog, STAGE_READ).
	 * Things that can't be kept go to the report. */
	int (*collect)(struct dump_task *t);
	int (*collect_thread)(struct dump_thread *th);
	/* check -t, instead of both and of absorb: what they would refuse or warn about, as far as
	 * /proc tells it of a running task. No effects; registers and masks are not known. */
	int (*examine)(struct dump_task *t);
	/* Its areas are known, its descriptors were not looked at yet: may the kernel have work for
	 * it, to be done when the task next runs, that changes them (io_uring)? Then the agent is
	 * there once before. */
	bool (*owed)(const struct dump_task *t);
	/* The programs have run: take their results into the entries. */
	int (*absorb)(struct dump_task *t);
	int (*absorb_thread)(struct dump_thread *th);
	/* Nothing was refused: images of the class' own, once a dump. */
	int (*write)(struct dump *d);

	/* Restore. After reading, before anything is forked: refusals and warnings, no effects. */
	int (*check)(struct restore_task *t);
	/* In a task that leads a session, once it has made it, before it forks those in it. */
	int (*lead)(struct restore_task *t);
	/* In the root and in leaders of sessions, when all tasks are in their groups. */
	int (*grouped)(struct restore_task *t);
	/* In the forked task, before its programs run; for what calls can't express. */
	int (*prepare)(struct restore_task *t);
	/* Put calls into the leader's program, or each thread's, at a stage. No other effects. */
	int (*emit)(struct restore_task *t);
	int (*emit_thread)(struct restore_thread *th);
};

/* Private data of a class, made by its collect and used by its absorb. Slots: registry.h. */
#define state_priv(owner, slot, type) ((type *)((owner)->priv[slot]))

/* --- one kind of open file description ------------------------------------------------------ */

struct file_class {
	const char *name;
	int type; /* FD_TYPES__… */
	/* Dump. Is it one of mine? The first class in the registry that says yes has it. */
	bool (*match)(const struct file_probe *p);
	/* What the kernel tells of the file alone, in *ret, for collect to find as p->answers. Any
	 * of several threads may do so, with p->local in a table of descriptors of its own: the
	 * session's arena, report and log are not to be used, and what is made for all of them only
	 * with d->common held. A file may be asked more than once. */
	int (*ask)(const struct file_probe *p, const struct reader *r, void **ret);
	bool asks_much; /* so many calls, about a hundred a file, that it pays to have several
			 * threads make them */
	/* Fills f->entry's sub-message (allocated here). Called once a description. */
	int (*collect)(struct dump *d, struct dump_file *f, const struct file_probe *p);
	/* All descriptors of all tasks are known: which are on their way in its queue
	 * (dump_file_in_flight)? Once a file, also for those that are found so. */
	int (*collect_flight)(struct dump *d, struct dump_file *f);
	/* And now all files are known: who belongs to whom; refusals of what leads out of the tree.
	 * Once a file. */
	int (*relate)(struct dump *d, struct dump_file *f);
	/* All files are known, and nothing was read that others outside of the tree can change: now
	 * keep them from it. Refusals still count. Once a file; not for check -t and --plan. */
	int (*settle)(struct dump *d, struct dump_file *f);
	/* After all tasks were collected: what has to be written beside files.img (contents). */
	int (*write)(struct dump *d, struct dump_file *f);
	/* The images stand: the tree is about to be let go, or to be killed. Once a file. */
	void (*leave)(struct dump *d, struct dump_file *f, bool killed);
	/* check -t: what write would warn about. Once a file. */
	int (*examine)(struct dump *d, struct dump_file *f);

	/* Restore. Before anything is forked: refusals, warnings, relations to other files. */
	int (*check)(struct restore *r, struct restore_file *f);
	/* In the tool, after all checks have passed and before the first fork, once a file (also
	 * one without an owner): effects outside that all tasks need, such as deleted files that
	 * have to exist again. Descriptors for the tasks go through service_fd(). */
	int (*prepare)(struct restore *r, struct restore_file *f);
	/* In the task that owns it: makes it, with its position and flags, and returns its
	 * descriptor (CLOEXEC). -EAGAIN: another file has to be there first (the engine comes
	 * again after it opened others; it is an error if no progress is made). */
	int (*open)(struct restore_task *t, struct restore_file *f, int *ret_fd);
	/* In the owner, behind an open that has made it bare (f->bare): the rest that it needs,
	 * with nothing but the file itself, fd. Threads of the task may do so at the same time,
	 * each of another file: the session's arena, report and log are not to be used, and what is
	 * found out for all files can't be noted while r->crowded. */
	int (*furnish)(struct restore_task *t, struct restore_file *f, int fd);
	/* In the owner, by a second thread while the first one opens other files, where the calls
	 * that `follows` counts are worth it: what attach would do, and then finds done. Needs
	 * restore_await_open() for every file but its own. No descriptors are to be made, and the
	 * session's arena, report and log are not to be used. */
	size_t (*follows)(const struct restore_file *f);
	int (*follow)(struct restore_task *t, struct restore_file *f);
	/* In the owner, when all of its files are open: edges to others, contents, owners. */
	int (*attach)(struct restore_task *t, struct restore_file *f, int fd);
	/* In the tool, when the programs of all tasks have ended: what must not see the restore
	 * itself, such as watches. fd is a copy of the task's. Not for descriptors in flight. */
	int (*watch)(struct restore *r, struct restore_file *f, int fd);
	/* In the tool, when it is decided that the tree lives, and none of it runs yet, with all
	 * descriptors under their numbers: what must not be seen outside of a tree that may still
	 * fail. Once a file. It can't fail; what a tool that is killed leaves undone, clean does. */
	void (*release)(struct restore *r, struct restore_file *f);
	/* In the tool, when the whole tree stands and the restore can't fail any more: what the
	 * images needed outside of their directory (links made at the dump) goes away. */
	void (*finish)(struct restore *r, struct restore_file *f);
};

/* --- one kind of memory area ---------------------------------------------------------------- */

struct area_class {
	const char *name;
	/* Dump. The first class that says yes has the area. */
	bool (*match)(const struct dump_task *t, const struct proc_area *a);
	/* Fills the entry; start, end, prot, pgoff are set. VMA_AREA_NONE in status with 0
	 * returned: the area is not kept at all (it is the kernel's). */
	int (*collect)(struct dump_task *t, const struct proc_area *a, VmaEntry *e);

	/* Restore. Is it one of mine? */
	bool (*claims)(const VmaEntry *e);
	int (*check)(struct restore_task *t, struct restore_vma *v);
	/* In the forked task, before it forks others: makes what its descendants share with it or
	 * with each other (called once a task for each class, not for each area). */
	int (*share)(struct restore_task *t);
	/* In the forked task: maps it at `at` (MAP_FIXED_NOREPLACE | flags are in `flags`), so that
	 * it can be filled. NULL: the class does all in emit. Returns 0, or -EEXIST: at is taken. */
	int (*place)(struct restore_task *t, struct restore_vma *v, uint64_t at, int flags);
	/* Calls that bring it to its final place and state; NULL: the engine's (move, protect). */
	int (*emit)(struct restore_task *t, struct restore_vma *v);
};

#endif
