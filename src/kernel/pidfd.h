/* SPDX-License-Identifier: Apache-2.0 */
/* Processes by descriptor: pidfd_open (Linux 5.3), pidfd_send_signal (5.1), pidfd_getfd (5.6),
 * process_mrelease (5.15). */
#ifndef KERNEL_PIDFD_H
#define KERNEL_PIDFD_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "kernel/proc/proc.h"

/* The descriptor (CLOEXEC) or -errno; -ESRCH when pid names no process. */
int pidfd_open_pid(pid_t pid, struct err *err);
/* A thread: PIDFD_THREAD, Linux 6.9; -EINVAL before. */
int pidfd_open_thread(pid_t tid, struct err *err);
/* info may be NULL: as kill(2). */
int pidfd_signal(int pidfd, int signo, siginfo_t *info, struct err *err);
/* The very open file description of another process, CLOEXEC; needs PTRACE_MODE_ATTACH_REALCREDS. */
int pidfd_get(int pidfd, int fd, struct err *err);
/*
 * The same where the kernel refuses (before 5.6, or a seccomp filter): opens /proc/PID/fd/FD. That
 * is another open file description (own position and flags) and works for files, directories,
 * pipes, FIFOs and devices only; *ret_same says which of the two it is. flags: how to open then.
 */
int pidfd_get_or_reopen(int pidfd, const struct proc *p, int fd, int flags, bool *ret_same,
			struct err *err);
/* The caller frees memory of a process that was killed, while it ends (Linux 5.15, else nothing). */
void pidfd_release_memory(int pidfd);
/* True when the process has ended (poll(2), no waiting). */
bool pidfd_ended(int pidfd);

#endif
