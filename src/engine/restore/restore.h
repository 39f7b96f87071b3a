/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a restore, in the order of restore.c's table, and what a forked task does. */
#ifndef ENGINE_RESTORE_H
#define ENGINE_RESTORE_H

#include "kernel/ptrace.h"
#include "model/restore.h"

/* read.c: images become the model. */
int read_images(struct restore *r);
/* judge.c: everything that can be found out before anything is forked. */
int judge_images(struct restore *r);
void judge_ids(struct restore *r);
/* An id could not be had after all: the error that says who has it. */
int id_is_taken(struct restore *r, pid_t id);
/* Says which limits there are, when a "task" or "thread" can't be made (EAGAIN). */
int too_many_tasks(struct restore *r, const char *what, pid_t id);
/* No process, thread or process group has it. */
bool id_is_free(pid_t id);
/* sessions.c: who is forked in which session, and stand-ins for leaders that are gone. */
int plan_sessions(struct restore *r);
/* owners.c: which task opens which file. */
int plan_files(struct restore *r);
/* alike.c: pages of small tasks that are the same in their forkers. */
int find_alike(struct restore *r);
/* home.c: a range of addresses, and numbers of descriptors, that disturb nobody. */
int leave_own_file(struct restore *r);
int plan_home(struct restore *r);
/* Opens a file that a program is about to use, at a number that stays; the number or -errno. With
 * --plan the number only. */
int service_open(struct restore_task *t, uint32_t id, int flags);

/* birth.c: forks the root; every task forks its children. */
int fork_root(struct restore *r);
/* A group has its id, but it is in another one. */
bool restore_leaves_group(const struct restore_task *t);
/* wait.c: what the tool does meanwhile. */
int wait_counter(struct restore *r, _Atomic uint32_t *counter, uint32_t value, const char *what);
int seize_leaders(struct restore *r);
int seize_confined(struct restore *r);
/* After a program has failed: fills the error with the call, its arguments and its note. */
int explain_failure(struct restore *r);
void kill_tree(struct restore *r);
/* The tool, before it forks: from now on tasks can see whether it lives. */
void lifeline_hold(struct restore *r);
/* In a task: ends it if the tool is gone. */
void lifeline_check(const struct restore *r);
/* In a task: waits until the counter is there; does not return when somebody has failed. */
void task_wait(struct restore *r, _Atomic uint32_t *counter, uint32_t value);
/* Adds one, and wakes those who wait when the counter has reached the goal (0: each time). With
 * many tasks that all wait, waking them for each would take their number squared. */
void task_post(_Atomic uint32_t *counter, uint32_t goal);
_Noreturn void task_fail(struct restore *r);

/* space.c: memory of a task, before (those that children inherit) and after it forks. */
int place_areas(struct restore_task *t, bool for_children);
/* descriptors.c */
int open_files(struct restore_task *t, bool for_children);
int enter_late_cwd(struct restore_task *t);
/* follow.c: what can be done beside opening; NULL: nothing that is worth it. Who fails in between
 * need not end it: the task ends. */
struct follower *follow_start(struct restore_task *t);
int follow_end(struct follower *w);
/* furnish.c: what is left to be done to bare files; behind open_files(). */
int furnish_files(struct restore_task *t, bool for_children);
int attach_files(struct restore_task *t);
int settle_files(struct restore_task *t);
int emit_descriptors(struct restore_task *t);
/* program.c: all programs of a task, in t->area. No effects outside of the tool's memory. */
int build_programs(struct restore_task *t);
/* enter.c: the forked task becomes the restored one. */
_Noreturn void enter_agent(struct restore_task *t);
/* resume.c: the tool sets registers and lets all go. */
int resume_tree(struct restore *r);
/* Waits until a thread that was let run stands in a stop of this kind; passes over others. */
int resume_stop(struct restore *r, pid_t tid, enum ptrace_stop kind);
/* sleep.c: threads, held at a trap and still in the agent, that slept get what was left of their
 * time. */
int sleep_on(struct restore_task *t);

#endif
