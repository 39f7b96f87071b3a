/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for a child of the tool's own, no longer than there is reason to: one that was stopped,
 * or frozen with its cgroup, or waits for a disk that is gone, never ends, and whoever waits for it
 * holds a tree that stands still.
 */
#ifndef KERNEL_CHILD_H
#define KERNEL_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The time so many seconds from now, in nanoseconds of CLOCK_MONOTONIC; 0 seconds: 0, no limit. */
uint64_t child_limit(unsigned int seconds);
uint64_t child_limit_ms(unsigned int ms);
/* 0 with the wait status (ret_status may be NULL); -ETIMEDOUT: it goes on, and is still the
 * caller's to wait for; or another -errno. */
int child_wait(pid_t pid, uint64_t until, int *ret_status);
/* The same for what a child sends: 0 if there is something to read, or its end. */
int child_wait_readable(int fd, uint64_t until);
/* With SIGKILL. False: it does not end, being in an uninterruptible wait. */
bool child_kill(pid_t pid);

#endif
