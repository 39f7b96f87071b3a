/* SPDX-License-Identifier: Apache-2.0 */
/* Of a processor of the family aarch64: register sets of ptrace(2) that the core image has no field
 * for (fpu_aarch64.c), and its features. */
#ifndef OBJECTS_PROCESS_REGSETS_H
#define OBJECTS_PROCESS_REGSETS_H

#include "model/dump.h"
#include "model/restore.h"

#define NT_ARM_SSVE_ 0x40b

void regset_keep(struct dump_thread *th, int type, const void *data, size_t len);
/* All but the vectors of the streaming mode (cpu_vectors()). */
int regsets_set(pid_t tid, const struct restore_thread *th, struct err *err);

/* How its pointers are signed, for the latter. */
void hwcaps_collect(struct dump_task *t);
/* Does this processor have what the task found when it started? hwcaps_aarch64.c */
int hwcaps_check(struct restore_task *t);

#endif
