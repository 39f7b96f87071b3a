/* SPDX-License-Identifier: Apache-2.0 */
/* See workload.h. */
#define _GNU_SOURCE
#include "workload.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <linux/kcmp.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static sigset_t term_set(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	return set;
}

__attribute__((constructor)) static void block_term(void)
{
	sigset_t set = term_set();

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void report(const char *kind, const char *file, int line, const char *fmt, va_list ap,
		   const char *reason)
{
	char text[1024];
	int n;

	n = snprintf(text, sizeof(text), "%s: pid %d: %s:%d: ", kind, getpid(), file, line);
	n += vsnprintf(text + n, sizeof(text) - n, fmt, ap);
	if (n > (int)sizeof(text) - 2)
		n = sizeof(text) - 2;
	if (reason)
		n += snprintf(text + n, sizeof(text) - n, ": %s", reason);
	if (n > (int)sizeof(text) - 2)
		n = sizeof(text) - 2;
	text[n++] = '\n';
	if (write(STDERR_FILENO, text, n) < 0)
		_exit(2);
}

void wl_fail_at(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report("FAIL", file, line, fmt, ap, NULL);
	va_end(ap);
	_exit(1);
}

void wl_pfail_at(const char *file, int line, const char *fmt, ...)
{
	const char *reason = strerror(errno);
	va_list ap;

	va_start(ap, fmt);
	report("FAIL", file, line, fmt, ap, reason);
	va_end(ap);
	_exit(1);
}

void wl_pass(void)
{
	static const char pass[] = "PASS\n";

	fflush(NULL);
	if (write(STDOUT_FILENO, pass, sizeof(pass) - 1) < 0)
		_exit(2);
	_exit(0);
}

void wl_ready(void)
{
	const char *path = getenv("WL_READY");

	fflush(NULL);
	/* Not by open(): whoever sees the file would see its descriptor, too. */
	if (mknod(path ? path : "ready", S_IFREG | 0644, 0) < 0 && errno != EEXIST)
		wl_pfail("can't create the ready file");
}

void wl_wait(void)
{
	sigset_t set = term_set();
	int sig;

	while (sigwait(&set, &sig) != 0)
		continue;
}

bool wl_should_stop(void)
{
	struct timespec zero = { 0 };
	sigset_t set = term_set();

	return sigtimedwait(&set, NULL, &zero) == SIGTERM;
}

void wl_ready_and_wait(void)
{
	wl_ready();
	wl_wait();
}

static uint32_t next(uint32_t *state)
{
	uint32_t x = *state;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return *state = x;
}

void wl_fill(void *buf, size_t len, uint32_t seed)
{
	uint32_t state = seed * 2654435761u + 1;
	unsigned char *p = buf;

	for (size_t i = 0; i < len; i++)
		p[i] = next(&state) >> 11;
}

bool wl_matches(const void *buf, size_t len, uint32_t seed)
{
	uint32_t state = seed * 2654435761u + 1;
	const unsigned char *p = buf;

	for (size_t i = 0; i < len; i++)
		if (p[i] != (unsigned char)(next(&state) >> 11))
			return false;
	return true;
}

static int ready_fd = -1; /* in a child of wl_fork_awaited() that is not ready yet */

pid_t wl_fork(void)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		wl_pfail("fork");
	if (pid == 0 && ready_fd >= 0) {
		close(ready_fd);
		ready_fd = -1;
	}
	return pid;
}

void wl_reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			wl_pfail("waitpid %d", pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		wl_fail("child %d ended with wait status 0x%x", pid, status);
}

char *wl_read_file(const char *path)
{
	size_t size = 0, room = 4096;
	char *text = malloc(room);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (!text || fd < 0)
		wl_pfail("can't read %s", path);
	while ((n = read(fd, text + size, room - size - 1)) > 0) {
		size += n;
		if (size + 1 == room && !(text = realloc(text, room *= 2)))
			wl_fail("no memory to read %s", path);
	}
	if (n < 0)
		wl_pfail("can't read %s", path);
	close(fd);
	text[size] = '\0';
	return text;
}

void wl_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		wl_pfail("can't write %s", path);
	close(fd);
}

char *wl_field(const char *path, const char *key)
{
	char *text = wl_read_file(path), *line, *value = NULL;
	size_t len = strlen(key);

	for (line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, len) || line[len] != ':')
			continue;
		line += len + 1;
		line += strspn(line, " \t");
		value = strndup(line, strcspn(line, "\n"));
		break;
	}
	free(text);
	return value;
}

pid_t wl_fork_awaited(void)
{
	int fds[2];
	char byte;
	pid_t pid;

	wl_try(pipe2(fds, O_CLOEXEC));
	pid = wl_fork();
	if (pid == 0) {
		close(fds[0]);
		ready_fd = fds[1];
		return 0;
	}
	close(fds[1]);
	if (read(fds[0], &byte, 1) != 1)
		wl_fail("child %d ended before it was ready", pid);
	/* The end of file says that the child has closed its end, too. */
	if (read(fds[0], &byte, 1) != 0)
		wl_fail("child %d is ready twice", pid);
	close(fds[0]);
	return pid;
}

void wl_child_ready(void)
{
	if (write(ready_fd, "r", 1) != 1)
		wl_pfail("can't tell the parent");
	close(ready_fd);
	ready_fd = -1;
}

void wl_child_wait(void)
{
	wl_child_ready();
	wl_wait();
}

void wl_finish(pid_t pid)
{
	wl_try(kill(pid, SIGTERM));
	wl_reap(pid);
}

uint64_t wl_pagemap(pid_t pid, const void *addr)
{
	char path[64];
	uint64_t entry;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid ? pid : getpid());
	fd = wl_try(open(path, O_RDONLY | O_CLOEXEC));
	if (pread(fd, &entry, sizeof(entry), (uintptr_t)addr / getpagesize() * sizeof(entry)) !=
	    sizeof(entry))
		wl_pfail("can't read %s at %p", path, addr);
	close(fd);
	return entry;
}

bool wl_same_page(pid_t pid_a, const void *a, pid_t pid_b, const void *b)
{
	/* Documentation/admin-guide/mm/pagemap.rst: bit 63 present, 0-54 the frame number. */
	const uint64_t present = 1ULL << 63, frame = (1ULL << 55) - 1;
	uint64_t ea = wl_pagemap(pid_a, a), eb = wl_pagemap(pid_b, b);

	if (!(ea & present) || !(eb & present))
		return false;
	if (!(ea & frame) || !(eb & frame))
		wl_fail("page frame numbers are hidden");
	return (ea & frame) == (eb & frame);
}

/* Is this line of smaps the first of an area? (Not by sscanf, which measures all of the text.) */
static bool is_area(const char *line, unsigned long *ret_start, unsigned long *ret_end)
{
	char *next;

	*ret_start = strtoul(line, &next, 16);
	if (next == line || *next != '-')
		return false;
	*ret_end = strtoul(next + 1, &next, 16);
	return *next == ' ';
}

/* Finds the area's first line in smaps text and cuts the text after the area. */
static char *vma_block(char *text, const void *addr)
{
	unsigned long start, end, at = (uintptr_t)addr;
	char *line, *block = NULL;

	for (line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!is_area(line, &start, &end))
			continue;
		if (block) {
			line[-1] = '\0';
			break;
		}
		if (start <= at && at < end)
			block = line;
	}
	return block;
}

char *wl_vma_line(const void *addr)
{
	char *text = wl_read_file("/proc/self/maps"), *block = vma_block(text, addr);
	char *line = block ? strndup(block, strcspn(block, "\n")) : NULL;

	free(text);
	return line;
}

char *wl_vma_field(const void *addr, const char *key)
{
	char *text = wl_read_file("/proc/self/smaps"), *line = vma_block(text, addr), *value = NULL;
	size_t len = strlen(key);

	while (line && (line = strchr(line, '\n'))) {
		line++;
		if (strncmp(line, key, len) || line[len] != ':')
			continue;
		line += len + 1;
		line += strspn(line, " ");
		value = strndup(line, strcspn(line, "\n"));
		break;
	}
	free(text);
	return value;
}

bool wl_vma_flag(const void *addr, const char *flag)
{
	char *flags = wl_vma_field(addr, "VmFlags"), *word, *rest = flags;
	bool found = false;

	if (!flags)
		wl_fail("no memory area at %p", addr);
	while ((word = strsep(&rest, " ")))
		found |= !strcmp(word, flag);
	free(flags);
	return found;
}

void wl_fd_save(int fd, struct wl_fd *ret_state)
{
	struct f_owner_ex owner = { 0 };
	struct stat st;

	wl_try(fstat(fd, &st));
	*ret_state = (struct wl_fd){
		.flags = wl_try(fcntl(fd, F_GETFL)),
		.fd_flags = wl_try(fcntl(fd, F_GETFD)),
		.pos = lseek(fd, 0, SEEK_CUR),
		.size = st.st_size,
		.mtime_sec = st.st_mtim.tv_sec,
		.mtime_nsec = st.st_mtim.tv_nsec,
		.dev = st.st_dev,
		.ino = st.st_ino,
		.rdev = st.st_rdev,
		.mode = st.st_mode,
		.uid = st.st_uid,
		.gid = st.st_gid,
		.nlink = st.st_nlink,
	};
	if (ret_state->flags & O_PATH)
		return;
	wl_try(fcntl(fd, F_GETOWN_EX, &owner));
	ret_state->owner_type = owner.type;
	ret_state->owner_pid = owner.pid;
	ret_state->sig = wl_try(fcntl(fd, F_GETSIG));
}

void wl_fd_check(int fd, const struct wl_fd *want)
{
	struct statfs fs;
	struct wl_fd got;

	wl_fd_save(fd, &got);
	wl_check_eq(got.flags, want->flags);
	wl_check_eq(got.fd_flags, want->fd_flags);
	wl_check_eq(got.pos, want->pos);
	wl_check_eq(got.owner_pid, want->owner_pid);
	if (want->owner_pid)
		wl_check_eq(got.owner_type, want->owner_type);
	wl_check_eq(got.sig, want->sig);
	wl_check_eq(got.mode, want->mode);
	wl_check_eq(got.uid, want->uid);
	wl_check_eq(got.gid, want->gid);
	wl_check_eq(got.rdev, want->rdev);
	wl_check_eq(got.nlink, want->nlink);
	/* Which device and number anonymous inodes have, each kernel chooses. */
	if (fstatfs(fd, &fs) == 0 &&
	    (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == ANON_INODE_FS_MAGIC))
		return;
	if (!S_ISFIFO(want->mode) && !S_ISSOCK(want->mode) && want->nlink) {
		wl_check_eq(got.dev, want->dev);
		wl_check_eq(got.ino, want->ino);
	}
	if (S_ISREG(want->mode)) {
		wl_check_eq(got.size, want->size);
		wl_check_eq(got.mtime_sec, want->mtime_sec);
		/* CRIU's images of deleted files have microseconds. */
		wl_check_eq(got.mtime_nsec / (want->nlink ? 1 : 1000),
			    want->mtime_nsec / (want->nlink ? 1 : 1000));
	}
}

bool wl_same_description(pid_t pid_a, int fd_a, pid_t pid_b, int fd_b)
{
	long ret = syscall(SYS_kcmp, pid_a, pid_b, KCMP_FILE, (unsigned long)fd_a,
			   (unsigned long)fd_b);

	if (ret < 0)
		wl_pfail("kcmp of %d in %d and %d in %d", fd_a, pid_a, fd_b, pid_b);
	return ret == 0;
}

int wl_move_fd(int fd, int number)
{
	if (fd == number)
		return fd;
	wl_try(dup3(fd, number, fcntl(fd, F_GETFD) & FD_CLOEXEC ? O_CLOEXEC : 0));
	close(fd);
	return number;
}

char *wl_format(const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		wl_fail("no memory for a text");
	return text;
}

unsigned long long wl_status(pid_t tid, const char *key, int base)
{
	char *path = wl_format("/proc/%d/status", tid);
	char *value = wl_field(path, key), *end;
	unsigned long long number;

	if (!value)
		wl_fail("no field %s in %s", key, path);
	number = strtoull(value, &end, base);
	if (end == value)
		wl_fail("field %s in %s is not a number: %s", key, path, value);
	free(value);
	free(path);
	return number;
}

void wl_check_text(const char *what, const char *got, const char *want)
{
	if (got && want ? strcmp(got, want) : got != want)
		wl_fail("%s is \"%s\", expected \"%s\"", what, got ? got : "(absent)",
			want ? want : "(absent)");
}

int64_t wl_now(clockid_t clock)
{
	struct timespec ts;

	wl_try(clock_gettime(clock, &ts));
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

void wl_sleep_ms(unsigned int ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&left, &left) < 0)
		if (errno != EINTR)
			wl_pfail("nanosleep");
}

size_t wl_scaled(size_t full, size_t less)
{
	return getenv("WORKLOAD_SLOW") ? less : full;
}

#define PATIENCE_MS 10000

void wl_await_state(pid_t tid, const char *states)
{
	char *path = wl_format("/proc/%d/stat", tid);

	for (int ms = 0; ms < PATIENCE_MS; ms++) {
		char *text = wl_read_file(path), *end = strrchr(text, ')');
		bool there = end && strchr(states, end[2]);

		free(text);
		if (there) {
			free(path);
			return;
		}
		wl_sleep_ms(1);
	}
	wl_fail("task %d did not come into a state of \"%s\"", tid, states);
}

void wl_await_call(pid_t tid, long nr)
{
	char *path = wl_format("/proc/%d/syscall", tid);

	for (int ms = 0; ms < PATIENCE_MS; ms++) {
		char *text = wl_read_file(path), *end;
		long now = strtol(text, &end, 10);
		bool there = end != text && now == nr;

		free(text);
		if (there) {
			free(path);
			return;
		}
		wl_sleep_ms(1);
	}
	wl_fail("task %d did not come into system call %ld", tid, nr);
}

struct wl_stage *wl_stage_new(void)
{
	return wl_try(mmap(NULL, sizeof(struct wl_stage), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0));
}

void wl_stage_add(struct wl_stage *stage)
{
	__atomic_add_fetch(&stage->value, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &stage->value, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

void wl_stage_await(struct wl_stage *stage, uint32_t value)
{
	uint32_t now;

	while ((now = __atomic_load_n(&stage->value, __ATOMIC_SEQ_CST)) < value)
		if (syscall(SYS_futex, &stage->value, FUTEX_WAIT, now, NULL, NULL, 0) < 0 &&
		    errno != EAGAIN && errno != EINTR)
			wl_pfail("futex");
}

struct actor {
	wl_actor_fn *set_up, *check;
	void *arg;
	pid_t pid; /* of a child; 0 for a thread */
	pthread_t thread;
	pid_t tid;
	struct actor *next;
};

static struct {
	struct wl_stage *ready, *go;
	struct actor *first, **tail;
	uint32_t count;
} actors = { .tail = &actors.first };

static struct actor *actor_new(wl_actor_fn *set_up, wl_actor_fn *check, void *arg)
{
	struct actor *actor = calloc(1, sizeof(*actor));

	if (!actor)
		wl_fail("no memory for an actor");
	if (!actors.ready) {
		actors.ready = wl_stage_new();
		actors.go = wl_stage_new();
	}
	*actor = (struct actor){ .set_up = set_up, .check = check, .arg = arg };
	*actors.tail = actor;
	actors.tail = &actor->next;
	actors.count++;
	return actor;
}

static void actor_run(const struct actor *actor)
{
	if (actor->set_up)
		actor->set_up(actor->arg);
	wl_stage_add(actors.ready);
	wl_stage_await(actors.go, 1);
	if (actor->check)
		actor->check(actor->arg);
}

pid_t wl_actor_fork(wl_actor_fn *set_up, wl_actor_fn *check, void *arg)
{
	struct actor *actor = actor_new(set_up, check, arg);

	actor->pid = wl_fork();
	if (actor->pid == 0) {
		actor_run(actor);
		_exit(0);
	}
	wl_stage_await(actors.ready, actors.count);
	return actor->pid;
}

static void *actor_thread(void *arg)
{
	struct actor *actor = arg;

	actor->tid = gettid();
	actor_run(actor);
	return NULL;
}

pid_t wl_actor_thread(wl_actor_fn *set_up, wl_actor_fn *check, void *arg)
{
	struct actor *actor = actor_new(set_up, check, arg);
	int err = pthread_create(&actor->thread, NULL, actor_thread, actor);

	if (err)
		wl_fail("pthread_create: %s", strerror(err));
	wl_stage_await(actors.ready, actors.count);
	return actor->tid;
}

void wl_actors_finish(void)
{
	if (!actors.go)
		return;
	wl_stage_add(actors.go);
	for (struct actor *actor = actors.first; actor; actor = actor->next) {
		if (actor->pid)
			wl_reap(actor->pid);
		else if (pthread_join(actor->thread, NULL))
			wl_fail("can't join thread %d", actor->tid);
	}
}
