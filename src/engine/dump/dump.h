/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a dump, in the order of dump.c's table. */
#ifndef ENGINE_DUMP_H
#define ENGINE_DUMP_H

#include "engine/servers.h"
#include "kernel/pagemap.h"
#include "model/dump.h"
#include "pages/extents.h"

/* look.c: what /proc shows of a task, a thread, the areas of a task. */
int look_at_task(struct dump_task *t, const struct reader *r);
int look_at_thread(struct dump_thread *th, const struct reader *r);
int look_at_areas(struct dump_task *t, const struct reader *r);
/* All of a frozen tree, where it is large enough for several threads. */
void look_at_tree(struct dump *d);

/* scout.c: refuses a tree with files on a file system that does not answer, and tells which such
 * file systems are in use. tree: if there is one by now, else NULL. */
int scout_servers(struct session *s, const struct tree_stop *tree, struct servers *ret_used);
/* collect.c: the frozen tree becomes tasks and threads with their ids. */
int collect_tasks(struct dump *d);
/* kobj.c: which tasks share which kernel objects and namespaces. */
int collect_kobjs(struct dump *d);
/* areas.c */
int collect_areas(struct dump *d);
/* files.c: descriptors, working directory, root. */
int collect_files(struct dump *d);
/* And descriptors that are on their way in queues. */
int collect_flight(struct dump *d);
void collect_files_end(struct dump *d);
/* state.c: all state classes, before and after the programs have run. */
int collect_state(struct dump *d);
/* Work of the kernel's that waits for the tasks to run. */
int do_owed(struct dump *d);
bool is_owed(const struct dump_task *t);
int run_programs(struct dump *d);
int absorb_state(struct dump *d);
/* The agent's areas and programs of all tasks; nobody needs them when all is absorbed. */
void free_programs(struct dump *d);
/* dump/judge.c: what concerns the tree as a whole. */
void judge_tree(struct dump *d);
/* write.c */
int write_entries(struct dump *d);
int choose_run_id(struct dump *d);
int write_inventory(struct dump *d);
/* memory.c */
/* Which pages a task has, in whatever areas, before these are known; none where that can't be. */
bool worth_early_search(const struct dump_task *t);
void search_early(struct dump_task *t, struct page_runs *all);
/* Those to keep, and guard regions; all: what search_early() found, which may be nothing, and
 * is given up. */
int collect_pages(struct dump_task *t, struct page_runs *all);
/* Which pages of a task the images get, and in which areas all of them; the runs that were
 * collected are given up. */
void build_extents(struct dump_task *t, struct page_extents *x);
bool saved_whole(const VmaEntry *e);
/* saving.c: to the images. The first one may begin before the visit; the last one is for a dump
 * that fails between the two. */
void begin_memory(struct dump *d);
int finish_memory(struct dump *d);
void abandon_memory(struct dump *d);

#endif
