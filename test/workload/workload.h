/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of a workload: a program that sets up one kind of kernel state,
 * says that it is ready, is dumped and restored while it waits, and then
 * checks that nothing has changed.
 *
 * A workload's first comment tells the runner (test/run) what it needs:
 *
 *	wl: areas      the areas of behaviours.tsv that it covers
 *	wl: flavours   host, user (an ordinary user's process), unpriv (the
 *	               same, and the tool is that user's too, with nothing but
 *	               CAP_CHECKPOINT_RESTORE and CAP_SYS_PTRACE), ns (fresh pid
 *	               and mount namespaces), userns; default "host"
 *	wl: dump       extra options for dump
 *	wl: restore    extra options for restore
 *	wl: both       extra options for both
 *	wl: expect     pass (default), dump-refused TEXT (dump must fail, the
 *	               message must contain TEXT, the workload must go on and
 *	               pass), restore-refused TEXT
 *	wl: needs      what the machine must have: hugepages, 32bit, avx512,
 *	               overlayfs, btrfs, cgroup1, cgroup2, pfn ...; aarch64 or
 *	               x86_64 for what is written for that processor, feature:NAME for
 *	               what /proc/cpuinfo of an aarch64 one has to name
 *	wl: cflags     extra options for the compiler, such as -m32
 *	wl: libs       libraries to link with
 *	wl: timeout    seconds; default 60
 *	wl: lane       a name; of the tests with the same one, no two run at once (they want the
 *	               same thing of the machine, such as numbers of pseudoterminals)
 *	wl: idle       it waits most of its time: runs beside as many others as there are processors
 *	wl: limit      what doc/limits.md says is not kept: the run has to fail, and when it does
 *	               not, the limit is gone and this line has to go
 *	wl: ignore     what changes while the program waits and is not compared
 *	               before the dump and after the restore: tree, maps, fds,
 *	               fdinfo, links, args, status, limits, sched (see
 *	               test/lib/snapshot.py)
 *	wl: cycles     dump and restore that often in a row; default 1
 *	wl: left       why it does not pass, or can't, after a dump that leaves it running
 *	               (test/run --left-running)
 *	wl: crossing   both (default: images cross with CRIU in both
 *	               directions), to (CRIU restores ours), from (we restore
 *	               CRIU's), none REASON
 *
 * Started with its working directory in a fresh folder of its own, standard
 * input from /dev/null, output to a log file, as a session leader.
 */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* Creates the file "ready" and waits for SIGTERM, which the runner sends after the restore.
 * SIGTERM is blocked from the program's start on (a constructor does it), so nothing is lost. */
void wl_ready_and_wait(void);
/* The two halves of it, for programs that do their work in between: set up, wl_ready(), then
 * loop until wl_should_stop(). wl_should_stop() takes SIGTERM when it is pending. */
void wl_ready(void);
bool wl_should_stop(void);
void wl_wait(void);

/* Ends the workload as failed, with the place and a sentence. Usable in children: they exit
 * with status 1, and their parents are expected to look. */
#define wl_fail(...) wl_fail_at(__FILE__, __LINE__, __VA_ARGS__)
_Noreturn void wl_fail_at(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Fails with errno's text added. */
#define wl_pfail(...) wl_pfail_at(__FILE__, __LINE__, __VA_ARGS__)
_Noreturn void wl_pfail_at(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define wl_check(cond)                                                                             \
	do {                                                                                       \
		if (!(cond))                                                                       \
			wl_fail("check failed: %s", #cond);                                        \
	} while (0)
/* Both sides as long long. */
#define wl_check_eq(got, want)                                                                     \
	do {                                                                                       \
		long long wl_got = (long long)(got), wl_want = (long long)(want);                  \
		if (wl_got != wl_want)                                                             \
			wl_fail("%s is %lld (0x%llx), expected %lld (0x%llx)", #got, wl_got,       \
				(unsigned long long)wl_got, wl_want, (unsigned long long)wl_want); \
	} while (0)
/* A system or library call that must not return a negative value (or MAP_FAILED). */
#define wl_try(call)                                                                               \
	({                                                                                         \
		__typeof__(call) wl_ret = (call);                                                  \
		if ((long)wl_ret == -1L)                                                           \
			wl_pfail("%s", #call);                                                     \
		wl_ret;                                                                            \
	})

/* Success: writes "PASS" to the log and exits 0. */
_Noreturn void wl_pass(void);

/* Deterministic contents: fills or checks a buffer from a seed. */
void wl_fill(void *buf, size_t len, uint32_t seed);
bool wl_matches(const void *buf, size_t len, uint32_t seed);

/* fork() whose child dies with the workload's failure; wl_reap() waits and demands exit 0. */
pid_t wl_fork(void);
void wl_reap(pid_t pid);

/* Reads a whole file of /proc (or any small file) into a malloc'ed string. */
char *wl_read_file(const char *path);
void wl_write_file(const char *path, const char *text);
/* The value of "Key:" in a file like /proc/self/status, malloc'ed; NULL if absent. */
char *wl_field(const char *path, const char *key);

/* A child that the parent waits for: wl_fork_awaited() returns in the parent only when the child
 * has called wl_child_ready() (or wl_child_wait(), which then waits for SIGTERM too). The channel
 * for it is closed on both sides by then. wl_finish() sends SIGTERM and reaps. */
pid_t wl_fork_awaited(void);
void wl_child_ready(void);
void wl_child_wait(void);
void wl_finish(pid_t pid);

/* The entry of a page in /proc/PID/pagemap (pid 0: own). */
uint64_t wl_pagemap(pid_t pid, const void *addr);
/* Whether two tasks' pages are the same physical page; fails where frame numbers are hidden or a
 * page is not present. */
bool wl_same_page(pid_t pid_a, const void *a, pid_t pid_b, const void *b);

/* Of the own memory area that holds addr: its line of /proc/self/maps, or the value of a key of
 * /proc/self/smaps; malloc'ed, NULL if there is no such area (or key). */
char *wl_vma_line(const void *addr);
char *wl_vma_field(const void *addr, const char *key);
/* Whether the two-letter flag stands in the area's VmFlags. */
bool wl_vma_flag(const void *addr, const char *flag);

/* What fcntl() and fstat() tell of a descriptor; the check fails when something differs. Inode
 * and device are compared where the file has a name (deleted files and pipes get new ones), and the
 * mtime of deleted files to the microsecond. */
struct wl_fd {
	int flags, fd_flags, sig, owner_type, owner_pid;
	long long pos, size, mtime_sec, mtime_nsec;
	unsigned long long dev, ino, rdev;
	unsigned mode, uid, gid, nlink;
};
void wl_fd_save(int fd, struct wl_fd *ret_state);
void wl_fd_check(int fd, const struct wl_fd *want);
/* Whether two descriptors are one open file description (kcmp). */
bool wl_same_description(pid_t pid_a, int fd_a, pid_t pid_b, int fd_b);
/* Moves a descriptor to a number. */
int wl_move_fd(int fd, int number);
/* printf-like path for the two above; a fresh malloc'ed string. */
char *wl_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The number in field "Key:" of /proc/TID/status, in the given base. */
unsigned long long wl_status(pid_t tid, const char *key, int base);
/* Fails unless both texts are the same (NULL equals only NULL); what names the thing. */
void wl_check_text(const char *what, const char *got, const char *want);

/* Nanoseconds on a clock; sleeping that no signal handler shortens. */
int64_t wl_now(clockid_t clock);
void wl_sleep_ms(unsigned int ms);
/* How many, or how much; less where the runner says that all is slow, as in an emulated guest. What
 * is asserted has to be the same with either. */
size_t wl_scaled(size_t full, size_t less);
/* Waits until a task is in one of the states ("S", "TZ", ...) of /proc/TID/stat: ten seconds,
 * then it fails. wl_await_call() waits until it sleeps in that system call. */
void wl_await_state(pid_t tid, const char *states);
void wl_await_call(pid_t tid, long nr);

/* A counter in memory that the whole tree shares, to tell one another how far one has come.
 * wl_stage_await() waits, without a limit, until it is at least value. */
struct wl_stage {
	uint32_t value;
};
struct wl_stage *wl_stage_new(void);
void wl_stage_add(struct wl_stage *stage);
void wl_stage_await(struct wl_stage *stage, uint32_t value);

/*
 * An actor is a child process or a thread that runs set_up(arg), stays there over the dump and
 * the restore, and then runs check(arg). Starting one returns when its set_up() is done;
 * wl_actors_finish() lets all run their checks, and waits for their good end in the order in
 * which they were started. Actors can't start actors.
 */
typedef void wl_actor_fn(void *arg);
pid_t wl_actor_fork(wl_actor_fn *set_up, wl_actor_fn *check, void *arg);
/* Returns the thread's id. */
pid_t wl_actor_thread(wl_actor_fn *set_up, wl_actor_fn *check, void *arg);
void wl_actors_finish(void);

#endif
