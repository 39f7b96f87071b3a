/* SPDX-License-Identifier: Apache-2.0 */
/* The journeys, as the front end starts them. Each returns 0 or a negative errno with s->err
 * filled. */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "model/session.h"

/* Saves the tree of s->opts->pid, and ends it, or leaves it stopped or running. */
int engine_dump(struct session *s);
/* Builds the tree of the images; s->root_pid is its root. With opts->plan nothing is forked. */
int engine_restore(struct session *s);
/* Examines the tree of s->opts->pid without freezing it; the report says what would not be kept. */
int engine_examine(struct session *s);

#endif
