/* SPDX-License-Identifier: Apache-2.0 */
/* A thread group whose leader has ended while other threads go on. */
#ifndef OBJECTS_PROCESS_LEADER_H
#define OBJECTS_PROCESS_LEADER_H

#include "model/restore.h"

/* Restore, in the tool: the leader has been let go; returns when it has ended. */
void leader_await_end(const struct restore_task *t);

#endif
