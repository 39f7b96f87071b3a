/* SPDX-License-Identifier: Apache-2.0 */
/* All classes, in the order in which the engine asks them. A new kind of object is one line in
 * registry.c. */
#ifndef OBJECTS_REGISTRY_H
#define OBJECTS_REGISTRY_H

#include "objects/class.h"

extern const struct state_class *const state_classes[];
extern const struct file_class *const file_classes[];
extern const struct area_class *const area_classes[];

/* Slots of private data: of tasks and threads (dump_task.priv, dump_thread.priv,
 * restore_task.priv), and, all of them, of a run (dump.priv, restore.priv). */
enum state_slot {
	SLOT_SIGNALS,
	SLOT_TIMERS,
	SLOT_CREDS,
	SLOT_THREAD,
	SLOT_MM,
	SLOT_SCHED,
	SLOT_PRCTL,
	SLOT_SECCOMP,
	SLOT_SECCOMP_COMMON,
	SLOT_GHOST,
	SLOT_PIPE,
	SLOT_FIFO,
	SLOT_SHMEM,
	SLOT_MEMFD,
	SLOT_VDSO,
	SLOT_SYSVIPC,
	SLOT_MEETING,
	SLOT_ROBUST,
	SLOT_RSEQ,
	SLOT_MEMPOLICY,
	SLOT_MMFLAGS,
	SLOT_PAGES,
	SLOT_LANDLOCK,
	SLOT_EPOLL,
	SLOT_STOPS,
	SLOT_LOCKS,
	SLOT_AREAPOLICY,
	SLOT_AIO,
	SLOT_URING,
	SLOT_INSIDE,
	SLOT_FPU,
	SLOT_OF_RUNS, /* from here on only of runs */
	SLOT_EXTRAS = SLOT_OF_RUNS,
	SLOT_PIDFD,
	SLOT_WATCHED,
	SLOT_SOCKDIAG,
	SLOT_SOCKOPTS,
	SLOT_SOCKEXTRAS,
	SLOT_UNIX,
	SLOT_INET,
	SLOT_GROUPS,
	SLOT_NEWSOCKETS,
	SLOT_TTY,
	SLOT_NETLINK,
	SLOT_PACKET,
	SLOT_DETACHED,
	SLOT_MQUEUE,
	SLOT_SEMUSERS,
	SLOT_BPF,
	SLOT_SECRET,
	SLOT_LOOKUPS,
	SLOT_VIEWS,
	SLOT_ISA,
	SLOT_SAMEOPTS,
	SLOT_COUNT
};
_Static_assert(SLOT_OF_RUNS <= STATE_SLOTS && SLOT_COUNT <= RUN_SLOTS, "more slots than room");

/* Dump: locks that are held by a descriptor, whatever class has claimed it. */
void file_locks_collect(const struct file_probe *p, uint32_t file_id);

const struct file_class *file_class_of(int type);
const struct area_class *area_class_of(const VmaEntry *e);

#endif
