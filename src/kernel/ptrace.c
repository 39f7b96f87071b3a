/* SPDX-License-Identifier: Apache-2.0 */
/* See ptrace.h. */
#include "kernel/ptrace.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "kernel/tracer.h"

#ifndef PTRACE_GET_RSEQ_CONFIGURATION
#define PTRACE_GET_RSEQ_CONFIGURATION 0x420f
#endif
#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

static int request(int what, pid_t tid, unsigned long addr, unsigned long data, const char *name,
		   struct err *err)
{
	if (tracer_ptrace(what, tid, addr, data) < 0)
		return err_sys(err, "ptrace", "%s of thread %d failed", name, tid);
	return 0;
}

int ptrace_seize(pid_t tid, unsigned long options, struct err *err)
{
	return request(PTRACE_SEIZE, tid, 0, options, "PTRACE_SEIZE", err);
}

int ptrace_interrupt(pid_t tid, struct err *err)
{
	return request(PTRACE_INTERRUPT, tid, 0, 0, "PTRACE_INTERRUPT", err);
}

int ptrace_set_options(pid_t tid, unsigned long options, struct err *err)
{
	return request(PTRACE_SETOPTIONS, tid, 0, options, "PTRACE_SETOPTIONS", err);
}

int ptrace_cont(pid_t tid, int signo, struct err *err)
{
	return request(PTRACE_CONT, tid, 0, signo, "PTRACE_CONT", err);
}

int ptrace_syscall(pid_t tid, int signo, struct err *err)
{
	return request(PTRACE_SYSCALL, tid, 0, signo, "PTRACE_SYSCALL", err);
}

int ptrace_detach(pid_t tid, int signo, struct err *err)
{
	return request(PTRACE_DETACH, tid, 0, signo, "PTRACE_DETACH", err);
}

int ptrace_get_regset(pid_t tid, int type, void *buf, size_t *len, struct err *err)
{
	struct iovec iov = { buf, *len };

	if (tracer_ptrace(PTRACE_GETREGSET, tid, type, (uintptr_t)&iov) < 0)
		return err_sys(err, "ptrace", "can't read register set 0x%x of thread %d", type,
			       tid);
	*len = iov.iov_len;
	return 0;
}

int ptrace_set_regset(pid_t tid, int type, const void *buf, size_t len, struct err *err)
{
	struct iovec iov = { (void *)buf, len };

	if (tracer_ptrace(PTRACE_SETREGSET, tid, type, (uintptr_t)&iov) < 0)
		return err_sys(err, "ptrace", "can't set register set 0x%x of thread %d", type,
			       tid);
	return 0;
}

int ptrace_get_sigmask(pid_t tid, uint64_t *ret, struct err *err)
{
	return request(PTRACE_GETSIGMASK, tid, sizeof(*ret), (unsigned long)ret,
		       "PTRACE_GETSIGMASK", err);
}

int ptrace_set_sigmask(pid_t tid, uint64_t mask, struct err *err)
{
	return request(PTRACE_SETSIGMASK, tid, sizeof(mask), (unsigned long)&mask,
		       "PTRACE_SETSIGMASK", err);
}

int ptrace_get_dispatch(pid_t tid, struct ptrace_dispatch *ret, struct err *err)
{
	return request(0x4211, tid, sizeof(*ret), (unsigned long)ret,
		       "PTRACE_GET_SYSCALL_USER_DISPATCH_CONFIG", err);
}

int ptrace_set_dispatch(pid_t tid, const struct ptrace_dispatch *dispatch, struct err *err)
{
	struct ptrace_dispatch given = *dispatch;

	/* kernel/entry/syscall_user_dispatch.c, task_set_syscall_user_dispatch: only
	 * PR_SYS_DISPATCH_INCLUSIVE_ON makes a complement. */
	if (given.mode && given.offset && given.offset + given.len <= given.offset) {
		given.mode = 2;
		given.offset += given.len;
		given.len = -given.len;
	}
	return request(0x4210, tid, sizeof(given), (unsigned long)&given,
		       "PTRACE_SET_SYSCALL_USER_DISPATCH_CONFIG", err);
}

int ptrace_peek_siginfo(pid_t tid, bool shared, uint64_t off, siginfo_t *buf, int n,
			struct err *err)
{
	struct __ptrace_peeksiginfo_args args = {
		.off = off,
		.flags = shared ? PTRACE_PEEKSIGINFO_SHARED : 0,
		.nr = n,
	};
	long got = tracer_ptrace(PTRACE_PEEKSIGINFO, tid, (uintptr_t)&args, (uintptr_t)buf);

	if (got < 0)
		return err_sys(err, "ptrace", "can't read the signal queue of thread %d", tid);
	return got;
}

int ptrace_get_rseq(pid_t tid, struct ptrace_rseq *ret, struct err *err)
{
	struct {
		uint64_t pointer;
		uint32_t size, signature, flags, pad;
	} conf;

	if (tracer_ptrace(PTRACE_GET_RSEQ_CONFIGURATION, tid, sizeof(conf), (uintptr_t)&conf) < 0)
		return err_sys(err, "ptrace", "can't read the rseq registration of thread %d", tid);
	*ret = (struct ptrace_rseq){ conf.pointer, conf.size, conf.signature, conf.flags };
	return 0;
}

void ptrace_parse_status(int status, struct ptrace_report *ret)
{
	int event = (unsigned int)status >> 16;

	if (!WIFSTOPPED(status)) {
		*ret = (struct ptrace_report){ PTRACE_STOP_GONE, status };
		return;
	}
	ret->signo = WSTOPSIG(status);
	if (event == PTRACE_EVENT_STOP)
		ret->kind = ret->signo == SIGTRAP ? PTRACE_STOP_TRAP : PTRACE_STOP_GROUP;
	else if (event)
		*ret = (struct ptrace_report){ PTRACE_STOP_EVENT, event };
	else if (ret->signo == (SIGTRAP | 0x80))
		ret->kind = PTRACE_STOP_SYSCALL;
	else
		ret->kind = PTRACE_STOP_SIGNAL;
}

/* Reading no memory of it, at an address that nobody has (mm/process_vm_access.c: who may not
 * attach is told so first). */
static int try_reading(pid_t pid)
{
	char byte;
	struct iovec here = { &byte, 1 }, there = { (void *)-1, 1 };

	return process_vm_readv(pid, &here, 1, &there, 1, 0) < 0 ? -errno : 0;
}

static int open_memory(pid_t pid)
{
	char name[32];

	snprintf(name, sizeof(name), "/proc/%d/mem", pid);
	return open(name, O_RDONLY | O_CLOEXEC);
}

/* Where the call is forbidden altogether, the same question is asked by open(2). */
int ptrace_may_attach(pid_t pid)
{
	_cleanup_fd_ int fd = -1;
	int ret = try_reading(pid);

	if (ret == -ENOSYS || (ret == -EPERM && try_reading(getpid()) == -EPERM)) {
		fd = open_memory(pid);
		return fd < 0 && (errno == EPERM || errno == EACCES) ? -EPERM : 0;
	}
	return ret == -EPERM ? -EPERM : 0;
}

int task_read(pid_t pid, uint64_t addr, void *buf, size_t len)
{
	struct iovec here = { buf, len }, there = { (void *)addr, len };
	ssize_t got = process_vm_readv(pid, &here, 1, &there, 1, 0);
	_cleanup_fd_ int fd = -1;

	if (got >= 0)
		return got == (ssize_t)len ? 0 : -EFAULT;
	if (errno != ENOSYS && errno != EPERM)
		return -errno;
	fd = open_memory(pid);
	return fd < 0 ? -errno : pread_full(fd, buf, len, addr);
}

/* Documentation/admin-guide/LSM/Yama.rst */
const char *ptrace_whom_allowed(void)
{
	static const char *const scopes[] = {
		"that takes the same user and all of its capabilities, or CAP_SYS_PTRACE",
		"with kernel.yama.ptrace_scope = 1, that is for its ancestors, and takes CAP_SYS_PTRACE "
		"of all others",
		"with kernel.yama.ptrace_scope = 2, that takes CAP_SYS_PTRACE",
		"with kernel.yama.ptrace_scope = 3, nobody may until the next boot",
	};
	_cleanup_fd_ int fd = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
	char digit = '0';

	if (fd < 0 || read(fd, &digit, 1) != 1 || digit < '0' || digit > '3')
		digit = '0';
	return scopes[digit - '0'];
}

int mem_read(int mem_fd, uint64_t addr, void *buf, size_t len)
{
	return pread_full(mem_fd, buf, len, addr);
}

int mem_write(int mem_fd, uint64_t addr, const void *buf, size_t len)
{
	return pwrite_full(mem_fd, buf, len, addr);
}
