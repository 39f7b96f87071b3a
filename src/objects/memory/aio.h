/* SPDX-License-Identifier: Apache-2.0 */
/* What the files about AIO contexts share. */
#ifndef OBJECTS_MEMORY_AIO_H
#define OBJECTS_MEMORY_AIO_H

#include "model/dump.h"

/* --- aio_kernel.c: a context as the kernel has it (struct kioctx of fs/aio.c) --------------------
 */

/* Of the task's context with that id; 0 or -errno: -ESRCH says that the task has none, others that
 * the kernel's memory can't be read. */
int aio_find(struct dump_task *t, uint64_t id, uint64_t *ret_context);
/* How many of its requests have not ended; 0 or -errno. */
int aio_under_way(struct dump *d, uint64_t context, uint32_t *ret);

#endif
