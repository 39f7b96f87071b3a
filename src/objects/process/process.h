/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State of tasks and threads: the classes of this folder, and what the engine must call by name
 * because it happens outside of any program: while a thread's registers are written at a dump, and
 * when all threads of a restored tree stand and only ptrace may still touch them.
 */
#ifndef OBJECTS_PROCESS_PROCESS_H
#define OBJECTS_PROCESS_PROCESS_H

#include "objects/class.h"
#include "objects/restored.h"

extern const struct state_class core_state;
extern const struct state_class fpu_state;
extern const struct state_class robust_state;
extern const struct state_class rseq_state;
extern const struct state_class signals_state;
extern const struct state_class stops_state;
extern const struct state_class timers_state;
extern const struct state_class procfile_state;
extern const struct state_class attributes_state;
extern const struct state_class leader_state;
extern const struct state_class mempolicy_state;
extern const struct state_class areapolicy_state;
extern const struct state_class sched_state;
extern const struct state_class limits_state;
extern const struct state_class creds_state;
extern const struct state_class dispatch_state;
extern const struct state_class sharing_state;
extern const struct state_class mmflags_state; /* its calls come after all others */

/*
 * Points at which the leader's program waits until the programs of all other threads have come
 * there too; the calls are put at the current stage. Every thread must pass a point just once.
 */
enum meeting_point {
	MEETING_STATE,	  /* queues and timers stand: limits on them may shrink */
	MEETING_IDENTITY, /* no thread changes its credentials any more */
	MEETING_POINTS
};
void meeting_reach(struct restore_thread *th, enum meeting_point point);

/*
 * Dump, before registers are written to the entry. A thread that was stopped inside a restartable
 * sequence goes on at the sequence's abort handler, as it would after any preemption: true, and
 * *ret_ip is where. rseq_state must have collected the thread.
 */
bool rseq_fixup(const struct dump_thread *th, uint64_t *ret_ip);

/* Restore: the timer slack of whoever makes the thread (by fork, for a leader), because it becomes
 * the thread's default; 0: not known. */
uint64_t attributes_slack_default(const struct restore_thread *th);

/* Restore: a SIGSTOP was pending. It can't be queued from inside without stopping there: the tool
 * sends one to a task that was not stopped before it lets it go, and calls signals_queue_stops()
 * for one that was, behind letting it go. */
bool signals_stop_pending(const struct restore_task *t);
/* Waits until the task, which is on its way to a stop, has stopped, and queues what was queued. */
void signals_queue_stops(const struct restore_task *t,
			 pid_t (*real_tid)(const struct restore_thread *th));
/* Was this signal pending for the process? */
bool signals_pending(const struct restore_task *t, int signo);
/* Is a signal of this POSIX timer among those that were pending? */
bool signals_timer_pending(const struct restore_task *t, uint32_t timer_id);
/* Will the timer's pending signal be brought about by the timer itself? Then it is not queued. */
bool timers_fire_again(const struct restore_task *t, uint32_t timer_id);
/* Is there a POSIX timer that sends to a thread? */
bool timers_of_threads(const struct dump_task *t);
/* Dump, once the timers are read: is this the signal of one that had run off by then? */
bool timers_had_fired(const struct dump_task *t, const siginfo_t *info);

/*
 * Restore, in the tool, for each thread when its registers are set, just before it is let go; the
 * thread is in a ptrace stop and makes no further call for the tool. What only a tracer can set
 * without tripping over it: syscall user dispatch, an unfinished restartable sequence.
 */
int process_finish_thread(const struct restore_thread *th, pid_t tid, struct err *err);

/* Restore, in the tool, when all threads stand and are traced, once: core scheduling cookies.
 * real_tid gives the thread id in the tool's namespace. */
int sched_finish(struct restore *r, pid_t (*real_tid)(const struct restore_thread *th));

#endif
