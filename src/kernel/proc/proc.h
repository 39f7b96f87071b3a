/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process (or one thread) as /proc shows it. The directory is opened once: the descriptor keeps
 * naming the same process when the pid is used again, and every read through it then says ESRCH.
 *
 * Conventions of all headers of this folder: functions return 0 or a negative errno and fill err
 * (which may be NULL); *ret is written only on success; what needs memory takes it from the arena
 * that is passed and lives as long as that arena. A process that has gone gives -ESRCH
 * (ERR_NO_SUCH_TASK); text that the kernel cannot have written gives -EBADMSG (ERR_KERNEL). Each
 * parser is also callable on a text in memory (proc_*_parse): tests and fuzz targets use that.
 */
#ifndef KERNEL_PROC_H
#define KERNEL_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"

/* A read buffer that is used for one file after the other; one a thread of the tool, not one a
 * process. Zeroed: empty. Text in it is valid until the next read through it. */
struct proc_buf {
	char *data;
	size_t room;
};
void proc_buf_free(struct proc_buf *buf);

struct proc {
	int fd;	   /* the directory /proc/PID, or /proc/PID/task/TID of a thread */
	pid_t pid; /* as the tool's pid namespace (that of the mounted /proc) names it */
	struct proc_buf *buf;
};
#define PROC_INIT                                                                                  \
	{                                                                                          \
		.fd = -1                                                                           \
	}

/* buf must outlive the proc. -ESRCH: there is no such process. */
int proc_open(struct proc *ret, pid_t pid, struct proc_buf *buf, struct err *err);
/* The same in another mount of proc, for example one opened with fsopen("proc"). */
int proc_open_at(struct proc *ret, int proc_root, pid_t pid, struct proc_buf *buf, struct err *err);
/* A thread's directory. What a thread has of its own (stat, status, syscall, comm, attr, fd …) is
 * read through it with the same functions. Files that task/TID lacks (timerslack_ns, timers) are in
 * /proc/TID: proc_open() takes the id of a thread as well. */
int proc_open_thread(struct proc *ret, const struct proc *leader, pid_t tid, struct err *err);
void proc_close(struct proc *p);

/* A whole file into p->buf, with a NUL behind it; name is relative to the directory ("stat",
 * "fdinfo/3", "task/17/children"). *ret_text points into p->buf. */
int proc_read(const struct proc *p, const char *name, char **ret_text, size_t *ret_len,
	      struct err *err);
/* The same with one read(2) less, for a file that seq_file shows as one record (stat, status,
 * limits, fdinfo, comm …) or that does not use seq_file: there, a read that leaves room has met the
 * end. */
int proc_read_single(const struct proc *p, const char *name, char **ret_text, size_t *ret_len,
		     struct err *err);
/* The same as proc_read, into the arena. */
int proc_read_dup(const struct proc *p, const char *name, struct arena *a, char **ret_text,
		  size_t *ret_len, struct err *err);
/* One decimal number; "0x…" or leading zeroes are no number. */
int proc_read_num(const struct proc *p, const char *name, int64_t *ret, struct err *err);
/* Opens a file below the directory with flags | O_CLOEXEC; the descriptor or -errno. */
int proc_openat(const struct proc *p, const char *name, int flags, struct err *err);

/* What a magic link (exe, cwd, root, fd/N, map_files/…) says. */
struct proc_link {
	char *path;   /* without the " (deleted)" that the kernel appends */
	bool deleted; /* it was there. A file may be called so: where st_nlink is not 0, look again */
	bool reachable; /* false: "(unreachable)" in front, the path lies outside of the reader's
			   root */
};
int proc_readlink(const struct proc *p, const char *name, struct arena *a, struct proc_link *ret,
		  struct err *err);
void proc_link_parse(struct arena *a, const char *text, size_t len, struct proc_link *ret);

/* Ids of the threads, ascending as the kernel gives them (the leader first). */
struct proc_tids {
	pid_t *tids;
	size_t n;
};
int proc_threads(const struct proc *p, struct arena *a, struct proc_tids *ret, struct err *err);
/* Children of all threads, by task/TID/children (CONFIG_PROC_CHILDREN), else by a scan of /proc.
 * That list is reliable only while the process and its children are frozen or stopped. threads may
 * be NULL. */
int proc_children(const struct proc *p, const struct proc_tids *threads, struct arena *a,
		  struct proc_tids *ret, struct err *err);
/* The numbers in "12 34 56 ", appended to *ret. */
int proc_children_parse(struct arena *a, const char *text, size_t len, struct proc_tids *ret);

/* The values of small files, each one number. */
int proc_oom_score_adj(const struct proc *p, int *ret, struct err *err);
/* -ENOENT: the kernel has no CONFIG_AUDIT. (uint32_t)-1: never set. */
int proc_loginuid(const struct proc *p, uint32_t *ret, struct err *err);
/* Hexadecimal. -EINVAL: coredump_filter of a kernel thread or of a task without memory. */
int proc_coredump_filter(const struct proc *p, uint32_t *ret, struct err *err);
/* "/autogroup-17 nice 5". -ENOENT: no CONFIG_SCHED_AUTOGROUP; -EINVAL or empty: task has none. */
int proc_autogroup(const struct proc *p, int *ret_id, int *ret_nice, struct err *err);
/* A symbol, or "0" when the task runs or the reader may not know. */
int proc_wchan(const struct proc *p, struct arena *a, char **ret, struct err *err);
/* Does it name the wait of vfork(2), or of clone with CLONE_VFORK, for the child? */
bool proc_wchan_vfork(const char *wchan);

/* /proc/PID/auxv: pairs, AT_NULL is not counted. Words of 8 bytes; a 32-bit task's are widened. */
struct proc_auxv {
	uint64_t (*pair)[2];
	size_t n;
	char *raw; /* as read: mm_saved_auxv of the image is this */
	size_t raw_len;
};
int proc_auxv(const struct proc *p, bool compat, struct arena *a, struct proc_auxv *ret,
	      struct err *err);

/* /proc/PID/syscall: "running", or the number (-1: stopped outside of a call), arguments, sp, pc. */
struct proc_syscall {
	bool running;
	int64_t nr;
	uint64_t arg[6]; /* valid when nr >= 0 */
	uint64_t sp, pc;
};
int proc_syscall(const struct proc *p, struct proc_syscall *ret, struct err *err);
int proc_syscall_parse(const char *text, size_t len, struct proc_syscall *ret);

/* x86: /proc/PID/arch_status. avx512_elapsed_ms is -1 when never used, or long ago. -ENOENT: no
 * such file (Linux 5.3). Thread features (shadow stacks) are in status. */
struct proc_arch_status {
	int64_t avx512_elapsed_ms;
};
int proc_arch_status(const struct proc *p, struct proc_arch_status *ret, struct err *err);
int proc_arch_status_parse(const char *text, size_t len, struct proc_arch_status *ret);

#endif
