/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this family share. Functions return 0 or a negative errno with the session's
 * error filled, unless it is said otherwise.
 */
#ifndef OBJECTS_IPC_IPC_H
#define OBJECTS_IPC_IPC_H

#include "objects/extras.h"
#include "objects/fown.h"
#include "objects/registry.h"

extern const struct file_class mqueue_class;
extern const struct state_class mqueue_state, sysv_undo_state;

/* --- mqueue_messages.c -------------------------------------------------------------------------- */

#define MQUEUE_BYTES_MAX (UINT64_C(32) << 20) /* of messages, each as long as it may be */

/* All messages of a queue, which has them again afterwards, in their order; fd: of it, for reading
 * and writing. They are added to the entry. */
int mqueue_messages_copy(struct dump *d, int fd, CrtoolsMqueue *e, const char *object);
/* Into an empty queue; 0 or -errno. */
int mqueue_messages_send(int fd, const CrtoolsMqueue *e);

#endif
