/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OBJECTS_PROCESS_RSEQ_H
#define OBJECTS_PROCESS_RSEQ_H

#include "model/restore.h"

/* Part of process_finish_thread(): puts a thread back into an unfinished sequence. */
int rseq_finish(const struct restore_thread *th, pid_t tid, struct err *err);

#endif
