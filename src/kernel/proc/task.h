/* SPDX-License-Identifier: Apache-2.0 */
/* Timers, limits, control groups and namespaces of a process. */
#ifndef KERNEL_PROC_TASK_H
#define KERNEL_PROC_TASK_H

#include <sys/resource.h>

#include "kernel/proc/proc.h"

/* /proc/PID/timers (CONFIG_CHECKPOINT_RESTORE): POSIX timers; needs ptrace access. */
struct proc_timer {
	int32_t id;
	int32_t signo;
	uint64_t sigval; /* sival_ptr */
	int32_t notify;	 /* SIGEV_SIGNAL, SIGEV_NONE or SIGEV_THREAD, without SIGEV_THREAD_ID */
	bool thread;	 /* SIGEV_THREAD_ID: target is a tid, else a process id */
	pid_t target;	 /* in the reader's pid namespace */
	int32_t clock;
};
struct proc_timers {
	struct proc_timer *timers;
	size_t n;
};
int proc_timers(const struct proc *p, struct arena *a, struct proc_timers *ret, struct err *err);
int proc_timers_parse(struct arena *a, const char *text, size_t len, struct proc_timers *ret);

/* /proc/PID/limits, by RLIMIT_* number; RLIM_INFINITY for "unlimited". All 16 have to be there. */
struct proc_limits {
	struct rlimit limit[RLIM_NLIMITS];
};
int proc_limits(const struct proc *p, struct proc_limits *ret, struct err *err);
int proc_limits_parse(const char *text, size_t len, struct proc_limits *ret);

/* /proc/PID/cgroup: one line a hierarchy. */
struct proc_cgroup {
	uint32_t hierarchy;	 /* 0: the unified one */
	const char *controllers; /* "cpu,cpuacct", "name=systemd", "" for the unified one */
	const char *path;	 /* seen from the reader's cgroup namespace; may start with "/.." */
	bool deleted;
};
struct proc_cgroups {
	struct proc_cgroup *groups;
	size_t n;
};
int proc_cgroups(const struct proc *p, struct arena *a, struct proc_cgroups *ret, struct err *err);
int proc_cgroups_parse(struct arena *a, const char *text, size_t len, struct proc_cgroups *ret);

/* Namespaces: device and inode of /proc/PID/ns/NAME. */
enum ns_kind {
	NS_CGROUP,
	NS_IPC,
	NS_MNT,
	NS_NET,
	NS_PID,
	NS_PID_FOR_CHILDREN,
	NS_TIME,
	NS_TIME_FOR_CHILDREN,
	NS_USER,
	NS_UTS,
	NS_KINDS,
};
extern const char *const ns_names[NS_KINDS]; /* "cgroup" … */
/* CLONE_NEW* of a kind. */
int ns_clone_flag(enum ns_kind kind);
struct proc_ns {
	uint32_t ino[NS_KINDS]; /* 0: the kernel does not have this kind (or the task is a zombie) */
};
/* Of the kinds whose bits are set; the others are 0. */
#define NS_BIT(kind) (1u << (kind))
#define NS_ALL	     (NS_BIT(NS_KINDS) - 1)
int proc_ns(const struct proc *p, unsigned int kinds, struct proc_ns *ret, struct err *err);
/* One kind only. */
int proc_ns_ino(const struct proc *p, enum ns_kind kind, uint32_t *ret, struct err *err);
/* The number in "net:[4026531840]". */
int proc_ns_parse(const char *text, size_t len, uint32_t *ret);

#endif
