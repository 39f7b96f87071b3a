/* SPDX-License-Identifier: Apache-2.0 */
/* seccomp(2) filters of a few instructions: one system call gets one verdict. */
#ifndef WORKLOAD_SECURITY_FILTER_H
#define WORKLOAD_SECURITY_FILTER_H

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workload.h"

/* Returns what the call returns: 0, a thread's id, a descriptor, or -1. */
static inline long filter_install(long nr, uint32_t verdict, unsigned int flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, verdict),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static inline unsigned int filter_count(void)
{
	char *path = wl_format("/proc/self/task/%d/status", gettid());
	char *value = wl_field(path, "Seccomp_filters");

	wl_check(value != NULL);
	return *value - '0';
}

/* The child must have been killed by the kernel for a forbidden call. */
static inline void filter_reap_killed(pid_t pid)
{
	int status;

	wl_check_eq(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
		wl_fail("child %d ended with wait status 0x%x, not by SIGSYS", pid, status);
}

#endif
