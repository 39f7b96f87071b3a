/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/stat and /proc/PID/status, of a process or (proc_open_thread) of a thread. */
#ifndef KERNEL_PROC_STAT_H
#define KERNEL_PROC_STAT_H

#include "kernel/proc/proc.h"

#define PROC_NAME_MAX  64 /* user tasks: 15 bytes; kernel threads and workers up to 63 */
#define PROC_PIDNS_MAX 33 /* MAX_PID_NS_LEVEL + 1 */

/* Names are those of proc_pid_stat(5). Times in clock ticks (sysconf(_SC_CLK_TCK)). Addresses are 0
 * when the reader may not ptrace the task. */
struct proc_stat {
	pid_t pid;
	char comm[PROC_NAME_MAX]; /* raw: may hold blanks, parentheses, newlines */
	char state;		  /* R S D T t Z X I P */
	pid_t ppid, pgrp, session;
	int32_t tty_nr; /* new_encode_dev: proc_tty_dev() makes a dev_t of it */
	pid_t tpgid;	/* -1: no terminal */
	uint32_t flags; /* PF_* */
	uint64_t minflt, cminflt, majflt, cmajflt;
	uint64_t utime, stime;
	int64_t cutime, cstime;
	int64_t priority, nice, num_threads;
	uint64_t starttime; /* ticks after boot (of the reader's time namespace) */
	uint64_t vsize;	    /* bytes */
	int64_t rss;	    /* pages */
	uint64_t rsslim;
	uint64_t startcode, endcode, startstack, kstkesp, kstkeip;
	uint64_t wchan;
	int32_t exit_signal, processor;
	uint32_t rt_priority, policy;
	uint64_t delayacct_blkio_ticks, guest_time;
	int64_t cguest_time;
	/* From Linux 3.5 on; has_mm_layout is false when the kernel ended the line before them. */
	bool has_mm_layout;
	uint64_t start_data, end_data, start_brk, arg_start, arg_end, env_start, env_end;
	int32_t exit_code; /* as wait(2) gives it; 0 without ptrace access */
};
int proc_stat(const struct proc *p, struct proc_stat *ret, struct err *err);
int proc_stat_parse(const char *text, size_t len, struct proc_stat *ret);
/* Is it a thread of the kernel's in a process, as io_uring's (PF_IO_WORKER, Linux 5.12) and those
 * of vhost (PF_USER_WORKER, 6.4)? It has no program, can't be traced, and is made by the kernel. */
static inline bool proc_stat_works_for_kernel(const struct proc_stat *st)
{
	return st->flags & (0x10 | 0x4000);
}
dev_t proc_tty_dev(int32_t tty_nr);

/* Ids of one task in each pid namespace from the reader's (of the mounted /proc) to its own. */
struct proc_nsids {
	int n;	   /* at most PROC_PIDNS_MAX */
	pid_t *id; /* in the arena */
};

/* What a status file holds; has_* or a comment tells what older kernels lack. */
struct proc_status {
	char name[PROC_NAME_MAX]; /* unescaped */
	bool has_umask;		  /* zombies and kernel threads have none */
	uint32_t umask;
	char state;
	pid_t tgid, ngid, pid, ppid,
		tracer_pid; /* ids of the reader's namespace; 0: out of sight */
	uid_t uid[4];	    /* real, effective, saved, file system */
	gid_t gid[4];
	uint32_t fdsize;
	gid_t *groups; /* in the arena */
	size_t n_groups;
	struct proc_nsids ns_tgid, ns_pid, ns_pgid, ns_sid; /* NSpgid is the process group */
	bool kthread;					    /* Linux 6.8 */
	bool has_mm;					    /* the Vm lines were there */
	uint64_t vm_peak, vm_size, vm_lck, vm_pin, vm_hwm, vm_rss, rss_anon, rss_file, rss_shmem;
	uint64_t vm_data, vm_stk, vm_exe, vm_lib, vm_pte, vm_swap, hugetlb_pages; /* bytes */
	bool core_dumping;							  /* Linux 4.15 */
	bool has_thp_enabled;							  /* Linux 5.0 */
	bool thp_enabled;	  /* false: PR_SET_THP_DISABLE or a kernel without */
	bool has_thread_features; /* Linux 6.6, x86 with shadow stacks */
	uint64_t thread_features,
		thread_features_locked; /* ARCH_SHSTK_SHSTK 1, ARCH_SHSTK_WRSS 2 */
	uint32_t threads;
	uint32_t sigq, sigq_limit;
	uint64_t sig_pnd, shd_pnd, sig_blk, sig_ign, sig_cgt; /* bit 0 is signal 1 */
	uint64_t cap_inh, cap_prm, cap_eff, cap_bnd, cap_amb;
	bool no_new_privs;
	bool has_seccomp;
	uint32_t seccomp;	 /* SECCOMP_MODE_* */
	int32_t seccomp_filters; /* number of filters; -1 before Linux 5.9 */
	char ssb[40];		 /* Speculation_Store_Bypass, "" when not shown */
	char spec_ib[40];	 /* SpeculationIndirectBranch */
	uint64_t voluntary_ctxt_switches, nonvoluntary_ctxt_switches;
};
int proc_status(const struct proc *p, struct arena *a, struct proc_status *ret, struct err *err);
int proc_status_parse(struct arena *a, const char *text, size_t len, struct proc_status *ret);

#endif
