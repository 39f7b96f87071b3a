/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work of many parts that do not depend on each other, done by as many threads as the tool may have
 * processors. What of it is seen afterwards must not depend on who did which part, or when.
 */
#ifndef BASE_TEAM_H
#define BASE_TEAM_H

#include <stddef.h>

#define TEAM_MAX 8

/* How many threads n parts are worth, if one is worth its start for so many parts; at least 1. */
size_t team_size(size_t n, size_t worth);

/* One part; who is below the team's size and tells its threads apart. 0, or a negative errno. */
typedef int (*team_work)(void *data, size_t who, size_t part);

/* All parts below n, in about this order. Of several that fail, the one with the lowest number says
 * what is returned; those behind it may have been left out. The caller is one of the threads; where
 * no others can be started it does all of the work. */
int team_run(size_t size, size_t n, team_work work, void *data);

/* The same in two halves: the first one sets other threads to work, as many as there are processors
 * beside the caller's, but not more than helpers; none where that is -EAGAIN. The second one helps
 * them to finish. No signal of the tool's is lost to them. */
struct team;
int team_start(struct team **ret, size_t helpers, size_t n, team_work work, void *data);
int team_finish(struct team *t);
/* In place of team_finish(): what is not begun is left out. */
void team_abandon(struct team *t);

/* A thread's id is free again only a moment after the thread was joined: waits until the kernel
 * shows one thread of this process. */
void team_await_alone(void);

#endif
