/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread that reads a file while what it has read before is looked at: for long texts that the
 * kernel makes as they are read, which costs it as much as the looking.
 */
#ifndef KERNEL_AHEAD_H
#define KERNEL_AHEAD_H

#include <stddef.h>
#include <sys/types.h>

struct ahead;

/* From where the descriptor stands now, at most `most` bytes a read(2). NULL: there is no second
 * processor, or no thread to be had; read the file yourself. */
struct ahead *ahead_start(int fd, size_t most);
/* As read(2), but -errno is returned; interruptions are not told. */
ssize_t ahead_read(struct ahead *a, void *buf, size_t len);
/* NULL is taken. Waits for the thread. */
void ahead_stop(struct ahead *a);

static inline void ahead_cleanup(struct ahead **a)
{
	ahead_stop(*a);
}
#define _cleanup_ahead_ __attribute__((cleanup(ahead_cleanup)))

#endif
