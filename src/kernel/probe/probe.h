/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to the room: the probes of features.def. PROBE(ID) { … } tries the feature with no effect
 * that outlives it and returns 0 when it is there, else the positive errno that says why not.
 */
#ifndef KERNEL_PROBE_H
#define KERNEL_PROBE_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PROBE(id) int probe_##id(void)

/* Not by PROBE: newer kernel headers have macros of the names of some features. */
#define FEATURE(id, name, whose, class, lost, brings) int probe_##id(void);
#include "kernel/probe/features.def"
#undef FEATURE

/* 0, or errno, of a call that answers -1 on failure. */
#define PROBE_CALL(call) ((call) < 0 ? errno : 0)
/* For calls made with arguments that cannot succeed: there when the errno is the expected one. */
static inline int probe_expect(long ret, int num)
{
	return ret >= 0 || errno == num ? 0 : errno;
}

/* Runs fn in a child (no exit signal, so that no handler of the tool sees it) and returns what fn
 * returned, 0 to 255; EPROTO when the child died otherwise. */
int probe_in_child(int (*fn)(void *arg), void *arg);
/* fn on a stopped, seized child that ran setup (or NULL) before; it is killed afterwards. */
int probe_tracee(int (*setup)(void), int (*fn)(pid_t pid));
/* By uname(2), for what cannot be seen by trying: 0 or ENOSYS. */
int probe_kernel(int major, int minor);
/* A program in $PATH, or in the sbin directories: 0 or ENOENT. */
int probe_program(const char *name);
/* 0 when a file can be opened so. */
int probe_open(const char *path, int flags);

#endif
