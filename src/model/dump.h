/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model of a dump: small structs that link the entries (image messages) of a frozen tree.
 * Classes fill entries; the engine writes them.
 */
#ifndef MODEL_DUMP_H
#define MODEL_DUMP_H

#include "agent/assemble.h"
#include "image/messages.h"
#include "kernel/proc/fd.h"
#include "kernel/proc/maps.h"
#include "kernel/proc/stat.h"
#include "kernel/proc/task.h"
#include "model/session.h"
#include "task/infect.h"
#include "task/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#define STATE_SLOTS 32 /* room for private data of the classes, in a task or thread */
#define RUN_SLOTS   64 /* and in a whole dump or restore */

/* A thread can enter these without its process; the others take a single thread or CLONE_FS. */
#define THREAD_NS                                                                                  \
	(NS_BIT(NS_NET) | NS_BIT(NS_IPC) | NS_BIT(NS_UTS) | NS_BIT(NS_CGROUP) |                    \
	 NS_BIT(NS_PID_FOR_CHILDREN))

struct kmem_task; /* kernel/kmem_tasks.h */
struct file_class;

/* What a thread that reads has for itself, so that several can. */
struct reader {
	struct arena *arena; /* lives as long as the dump's */
	struct arena *brief; /* of descriptors: until their class has collected */
	struct proc_buf *buf;
	struct err *err; /* NULL: failures are not told */
};

struct dump_thread {
	struct dump_task *task;
	struct thread_stop *stop;
	pid_t vtid;		       /* in the innermost pid namespace; images hold this one */
	bool seen;		       /* what stands in /proc was read: status, flags, ns */
	const struct kmem_task *alike; /* what differs from the task's; NULL: /proc tells it */
	struct proc_status *status;
	uint32_t flags;	   /* PF_* */
	struct proc_ns ns; /* of THREAD_NS */
	CoreEntry *core;   /* thread_core and the processor's part are there */
	CrtoolsThreadEntry *extra;
	struct program *prog;	 /* reading calls go here, at STAGE_READ */
	void *priv[STATE_SLOTS]; /* a class' own, by its slot */
};

/* A descriptor of which the process itself says whether it is closed by exec. */
struct asked_fd {
	FdinfoEntry *e;
	call_id id;
};

/* One descriptor table; tasks may share it. */
struct dump_table {
	uint32_t id;		 /* fdinfo-<id>.img */
	struct dump_task *owner; /* the first task that has it */
	FdinfoEntry **fds;
	size_t n_fds;
	struct asked_fd *asked; /* of the owner's program */
	size_t n_asked;
};

struct dump_area {
	const struct proc_area *area;
	VmaEntry *vma;
	const struct area_class *class;
};

struct dump_task {
	struct dump *dump;
	struct proc_stop *stop;
	struct dump_task *parent; /* NULL: root */
	bool zombie;
	pid_t vpid;
	bool seen; /* stat, status and ns were read */
	struct proc_stat stat;
	struct proc_stat leader; /* where the leader has ended: its own; of it, comm and exit_code */
	uint64_t leader_mask;	 /* and its blocked signals */
	struct proc_status *status; /* of the leader, or the living thread, = threads[0].status */
	struct proc_ns ns;
	struct proc_areas areas;
	struct dump_area *vmas;
	size_t n_vmas;

	PstreeEntry *pstree;
	CoreEntry *core; /* the leader's: has tc; a zombie has only that */
	TaskKobjIdsEntry *ids;
	MmEntry *mm;
	FsEntry *fs;
	CrtoolsTaskEntry *extra;

	struct dump_thread *threads;
	size_t n_threads;
	struct dump_table *table;
	bool in_flight; /* the tool, in place of a task whose sockets have the descriptor queued */
	struct visit visit;
	void *priv[STATE_SLOTS];
};

/* One open file description, or one file that is only known by path (exe, cwd, mapped file). */
struct dump_file {
	FileEntry *entry; /* id and type set; the class filled the rest */
	const struct file_class *class;
	void *priv;
};

/* What is known of a descriptor before any class claims it. */
struct file_probe {
	struct dump_task *task;
	int fd;		   /* number in the task; -1: not a descriptor (exe, cwd, mapping …) */
	const char *magic; /* where it is in /proc/PID: "fd/5", "exe", "map_files/…" */
	int local;	   /* use probe_local() */
	int lost;	   /* -errno: that has failed */
	struct stat stat;
	uint64_t attributes;   /* STATX_ATTR_* */
	struct proc_link link; /* what the magic link says */
	struct proc_fdinfo info;
	uint32_t fs_magic; /* statfs f_type of the file system it is on */
	uint32_t anon;	   /* link starts with "anon_inode:" */
	int domain;	   /* of a socket (not O_PATH): its family; else -1 */

	bool asked; /* the owner of its signals is known, and what its class asks (class->ask) */
	struct f_owner_ex owner;
	int signal;			   /* F_GETSIG */
	const struct file_class *answered; /* whose answers these are; NULL: nobody's */
	void *answers;
};

/* The very same description in the tool, or O_PATH for magic ones. Whoever looked at many has
 * closed it again: then it is fetched by the first one that needs it. -1: it can't be had, the
 * error is filled, and the engine goes no further with it. */
int probe_local(const struct file_probe *p);

#define IMAGE_BLOCK UINT64_C(4096) /* what an image takes on most file systems, at least */

struct dump {
	struct session *s;
	bool examining; /* check -t: nothing is stopped, what is looked at may vanish */
	struct tree_stop tree;
	struct dump_task **tasks; /* as tree.procs: parents first */
	size_t n_tasks;
	struct dump_file **files;
	size_t n_files;
	uint64_t content_bytes; /* check -t: beside memory, what images of contents will take */
	uint32_t next_file_id, next_kobj_id, next_ns_id, next_pages_id;
	struct proc_ns own_ns;		  /* the tool's */
	uint32_t time_ns_ino, time_ns_id; /* of a time namespace that is not the tool's; 0: it is */
	InventoryEntry *inventory;
	char run_id[37];	  /* a UUID; known when files settle */
	struct kmem_view *kernel; /* of objects/inside.h; NULL: nobody has asked for it */
	void *priv[RUN_SLOTS];
	struct files_index *files_index; /* engine's: how descriptions are found again */
	struct saving *saving;		 /* engine's: memory that is being saved; NULL */
	/* Held to make what all readers have in common, when one of them needs it first. */
	pthread_mutex_t common;
};

/* The error and the arena that everything in a dump uses. */
static inline struct err *dump_err(const struct dump *d)
{
	return d->s->err;
}
static inline struct arena *dump_arena(const struct dump *d)
{
	return &d->s->arena;
}

/* For the first thread. */
static inline struct reader dump_reader(struct dump *d)
{
	return (struct reader){ &d->s->arena, &d->s->arena, &d->tree.buf, d->s->err };
}

/* A failure that means no more than that a running tree has gone on, while it is examined: the
 * error is taken back. */
static inline bool dump_vanished(const struct dump *d, int ret)
{
	if (!d->examining || (ret != -ESRCH && ret != -ENOENT && ret != -EBADF))
		return false;
	*d->s->err = (struct err){ 0 };
	return true;
}

/* Refusals and warnings about a task's object; text and cure are constant or in the arena. */
#define task_refuse(t, object, text, cure)                                                         \
	report_refuse(&(t)->dump->s->report, (t)->vpid, object, text, cure)
#define task_warn(t, object, text, cure)                                                           \
	report_warn(&(t)->dump->s->report, (t)->vpid, object, text, cure)

/*
 * The file id of a file that a class needs by another way than a descriptor: magic is a link below
 * /proc/PID ("exe", "cwd", "root", "map_files/START-END"). The same file asked for again (by any
 * task) gives the same id. flags: how a restore is to open it.
 */
int dump_file_by_link(struct dump_task *t, const char *magic, int flags, uint32_t *ret_id);

/* The same for a mapped file; magic is the area's link below map_files. Most areas are of files
 * that other areas have shown before: that costs no system call. */
int dump_file_of_area(struct dump_task *t, const struct proc_area *a, const char *magic, int flags,
		      uint32_t *ret_id);

/*
 * The file id of a descriptor that was found in the queue of a socket of this task; fd is a copy of
 * it in the tool, which is taken over. For class->collect_flight.
 */
int dump_file_in_flight(struct dump_task *t, int fd, uint32_t *ret_id);

/* The id of the pid in the tree's innermost pid namespace: 0 if it has none there. */
pid_t dump_vpid(const struct dump *d, pid_t pid);

#endif
