/* SPDX-License-Identifier: Apache-2.0 */
/* Probes of tasks: ptrace, ids, signals, timers, namespaces. */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/kcmp.h"
#include "kernel/pidfd.h"
#include "kernel/probe/probe.h"
#include "kernel/proc/stat.h"

#define PR_TIMER_CREATE_RESTORE_IDS_	 77
#define PR_TIMER_CREATE_RESTORE_IDS_GET_ 2
#define PTRACE_GET_SYSCALL_INFO_	 0x420e
#define PTRACE_GET_RSEQ_CONF_		 0x420f
#define PTRACE_GET_DISPATCH_CONF_	 0x4211
#define PR_SCHED_CORE_			 62
#define PR_SCHED_CORE_CREATE_		 1
#define SCHED_EXT_			 7
#define TFD_IOC_SET_TICKS_		 _IOW('T', 0, uint64_t)

static int take_policy(void *arg)
{
	uint32_t attr[14] = { sizeof(attr), SCHED_EXT_ };

	(void)arg;
	return PROBE_CALL(syscall(SYS_sched_setattr, 0, attr, 0));
}

PROBE(SCHED_EXT)
{
	return probe_in_child(take_policy, NULL);
}

/* A cookie of one's own is for ever: a child gets it. */
static int make_cookie(void *arg)
{
	(void)arg;
	return PROBE_CALL(prctl(PR_SCHED_CORE_, PR_SCHED_CORE_CREATE_, 0, 0, 0));
}

PROBE(SCHED_CORE)
{
	return probe_in_child(make_cookie, NULL);
}

PROBE(PTRACE)
{
	return probe_tracee(NULL, NULL);
}

static int peek_signals(pid_t pid)
{
	struct __ptrace_peeksiginfo_args args = { .nr = 1 };
	siginfo_t info;

	return PROBE_CALL(ptrace(PTRACE_PEEKSIGINFO, pid, &args, &info));
}

PROBE(PEEKSIGINFO)
{
	return probe_tracee(NULL, peek_signals);
}

static int get_rseq(pid_t pid)
{
	char conf[64];

	return PROBE_CALL(ptrace(PTRACE_GET_RSEQ_CONF_, pid, 24, conf));
}

PROBE(GET_RSEQ_CONF)
{
	return probe_tracee(NULL, get_rseq);
}

static int get_syscall_info(pid_t pid)
{
	char info[256];

	return PROBE_CALL(ptrace(PTRACE_GET_SYSCALL_INFO_, pid, sizeof(info), info));
}

PROBE(PTRACE_SYSCALL_INFO)
{
	return probe_tracee(NULL, get_syscall_info);
}

static int get_dispatch(pid_t pid)
{
	char conf[64];

	return PROBE_CALL(ptrace(PTRACE_GET_DISPATCH_CONF_, pid, 32, conf));
}

PROBE(SYSCALL_USER_DISPATCH)
{
	return probe_tracee(NULL, get_dispatch);
}

static int suspend_seccomp(pid_t pid)
{
	return PROBE_CALL(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_SUSPEND_SECCOMP));
}

PROBE(SECCOMP_SUSPEND)
{
	return probe_tracee(NULL, suspend_seccomp);
}

static int set_filter(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog prog = { .len = 1, .filter = &allow };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0))
		return errno;
	return 0;
}

static int get_filter(pid_t pid)
{
	return PROBE_CALL(ptrace(PTRACE_SECCOMP_GET_FILTER, pid, 0, NULL));
}

PROBE(SECCOMP_FILTERS)
{
	return probe_tracee(set_filter, get_filter);
}

#ifdef __x86_64__
static int set_breakpoint(pid_t pid)
{
	size_t regs = offsetof(struct user, u_debugreg);

	/* An address of its own, then "on execution, this task" for the first register. */
	if (ptrace(PTRACE_POKEUSER, pid, regs, set_breakpoint) ||
	    ptrace(PTRACE_POKEUSER, pid, regs + 7 * sizeof(long), 1))
		return errno;
	return 0;
}

PROBE(BREAKPOINTS)
{
	return probe_tracee(NULL, set_breakpoint);
}
#else
/* NT_ARM_HW_BREAK: dbg_info's low byte is the number of registers. */
static int count_breakpoints(pid_t pid)
{
	uint64_t state[33] = { 0 };
	struct iovec iov = { state, sizeof(state) };

	if (ptrace(PTRACE_GETREGSET, pid, 0x402, &iov))
		return errno;
	return (state[0] & 0xff) ? 0 : ENODEV;
}

PROBE(BREAKPOINTS)
{
	return probe_tracee(NULL, count_breakpoints);
}
#endif

/* To itself, a task may send what looks like the kernel's. */
static int queue_signal(void *arg)
{
	siginfo_t info = { .si_code = SI_KERNEL }, got;
	struct timespec now = { 0 };
	sigset_t set;

	(void)arg;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info))
		return errno;
	if (sigtimedwait(&set, &got, &now) != SIGUSR1)
		return errno;
	return got.si_code == SI_KERNEL ? 0 : EINVAL;
}

PROBE(RT_SIGQUEUEINFO)
{
	return probe_in_child(queue_signal, NULL);
}

PROBE(KCMP)
{
	int order;

	return -kcmp_objects(getpid(), getpid(), KCMP_T_VM, &order, NULL);
}

PROBE(KCMP_EPOLL)
{
	_cleanup_fd_ int ep = epoll_create1(EPOLL_CLOEXEC);
	_cleanup_fd_ int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN };
	int order;

	if (ep < 0 || timer < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, timer, &event))
		return errno;
	return -kcmp_epoll(getpid(), timer, getpid(), ep, timer, 0, &order, NULL);
}

/* Asks for an id that is taken, ours: EEXIST comes after all that could be missing (alloc_pid()).
 * By then the kernel has copied all that is not shared, so all is: nobody comes to life. */
PROBE(CLONE3_SET_TID)
{
	pid_t tid = getpid();
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
		uint64_t set_tid, set_tid_size;
	} args = {
		.flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND,
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&tid,
		.set_tid_size = 1,
	};

	return probe_expect(syscall(SYS_clone3, &args, sizeof(args)), EEXIST);
}

/* Anybody may open it; who may write is asked as clone3 asks, since to write is to change. */
PROBE(NS_LAST_PID)
{
	int e = probe_open("/proc/sys/kernel/ns_last_pid", O_RDWR);

	if (!e && probe_CLONE3_SET_TID() == EPERM)
		e = EPERM;
	return e;
}

static int self_status(struct proc_status *ret, struct proc_stat *ret_stat)
{
	_cleanup_(proc_close) struct proc self = PROC_INIT;
	_cleanup_(proc_buf_free) struct proc_buf buf = { 0 };
	struct arena arena = { 0 };
	int e = proc_open(&self, getpid(), &buf, NULL) ?: proc_status(&self, &arena, ret, NULL) ?:
		proc_stat(&self, ret_stat, NULL);

	arena_free(&arena);
	return -e;
}

PROBE(NS_PID)
{
	struct proc_status status;
	struct proc_stat stat;

	return self_status(&status, &stat) ?: status.ns_pid.n ? 0 : ENOSYS;
}

PROBE(PROC_STAT)
{
	struct proc_status status;
	struct proc_stat stat;

	return self_status(&status, &stat) ?: stat.has_mm_layout ? 0 : ENOSYS;
}

PROBE(PROC_TIMERS)
{
	return probe_open("/proc/self/timers", O_RDONLY);
}

PROBE(PROC_CHILDREN)
{
	return probe_open("/proc/thread-self/children", O_RDONLY);
}

PROBE(TIMERFD)
{
	_cleanup_fd_ int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	uint64_t ticks = 1;

	if (fd < 0)
		return errno;
	return PROBE_CALL(ioctl(fd, TFD_IOC_SET_TICKS_, &ticks));
}

PROBE(TIMER_CR_IDS)
{
	return PROBE_CALL(
		prctl(PR_TIMER_CREATE_RESTORE_IDS_, PR_TIMER_CREATE_RESTORE_IDS_GET_, 0, 0, 0));
}

static int enter_userns(void *arg)
{
	(void)arg;
	return PROBE_CALL(unshare(CLONE_NEWUSER));
}

PROBE(USERNS)
{
	return probe_in_child(enter_userns, NULL);
}

PROBE(CGROUPNS)
{
	return PROBE_CALL(access("/proc/self/ns/cgroup", F_OK));
}

PROBE(TIMENS)
{
	return PROBE_CALL(access("/proc/self/ns/time", F_OK));
}

/* The same value again, in a child whose audit session is nobody's. */
static int set_loginuid(void *arg)
{
	_cleanup_fd_ int fd = open("/proc/self/loginuid", O_RDWR | O_CLOEXEC);
	char value[16];
	ssize_t n;

	(void)arg;
	if (fd < 0)
		return errno;
	n = read(fd, value, sizeof(value));
	return n < 0 || pwrite(fd, value, n, 0) < 0 ? errno : 0;
}

PROBE(LOGINUID)
{
	return probe_in_child(set_loginuid, NULL);
}

PROBE(PIDFD_OPEN)
{
	_cleanup_fd_ int fd = pidfd_open_pid(getpid(), NULL);

	return fd < 0 ? -fd : 0;
}

PROBE(PIDFD_THREAD)
{
	_cleanup_fd_ int fd = pidfd_open_thread(gettid(), NULL);

	return fd < 0 ? -fd : 0;
}

PROBE(PIDFD_GETFD)
{
	_cleanup_fd_ int pidfd = pidfd_open_pid(getpid(), NULL);
	_cleanup_fd_ int fd = pidfd < 0 ? pidfd : pidfd_get(pidfd, pidfd, NULL);

	return fd < 0 ? -fd : 0;
}

PROBE(PIDFD_STORE)
{
	return probe_PIDFD_GETFD();
}

PROBE(FUTEX_ROBUST)
{
	void *head;
	size_t len;

	return PROBE_CALL(syscall(SYS_get_robust_list, 0, &head, &len));
}

/* The restore of System V objects sets the id of the next one. */
PROBE(SYSVIPC)
{
	return probe_open("/proc/sys/kernel/shm_next_id", O_RDWR) ?:
	       probe_open("/proc/sys/kernel/msg_next_id", O_RDWR) ?:
	       probe_open("/proc/sys/kernel/sem_next_id", O_RDWR);
}
