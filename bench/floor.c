/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a restore can't do without: a program that builds the like of a load (load.c) with the
 * fewest calls that would do, from contents that lie in memory or on a tmpfs. It reads no images,
 * checks nothing and keeps no identity, so it is no restore; it is the part of one that is the
 * kernel's.
 *
 *	floor KIND N [SOURCE]   as for load; "files" makes its files in the working directory before
 *
 * SOURCE is a file that holds as much memory as the kind has: the pages that a dump wrote.
 *
 * prints nanoseconds: from the spawn of a process that makes the tasks, takes each thread by
 * ptrace, sets its registers and extended state, and lets it go, to the exit of that process.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE	4096UL
#define WORKERS 2
#define TIDS	4096
#define STACK	(64UL << 10)
#define PART	(4UL << 20) /* of memory that a thread takes at a time */
#define PORT	20000	    /* the first of the clients' */

/* netinet/tcp.h, which does not go with linux/tcp.h */
enum { TCPOPT_MAXSEG_ = 2, TCPOPT_WINDOW_, TCPOPT_SACK_, TCPOPT_TIMESTAMP_ = 8 };

extern char **environ;

static struct shared {
	pid_t leader;
	_Atomic int n; /* of tids */
	pid_t tids[TIDS];
} * shared;
static long count;
static const char *source;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static void *must_map(size_t size, int flags, int fd)
{
	void *p = mmap(NULL, size, PROT_READ | (fd < 0 ? PROT_WRITE : 0), flags, fd, 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static void say_tid(void)
{
	shared->tids[shared->n++] = syscall(SYS_gettid);
}

/* --- memory: pages of a file on a tmpfs, each step to its own place ----------------------------- */

static struct fill {
	char *to, *from;
	size_t pages, step; /* in the memory; in the file they follow each other */
	int alone;	    /* each page has a call of its own */
	int uffd;
	size_t next;
} fill;

static void copy_pages(size_t first, size_t n)
{
	size_t run = fill.alone ? 1 : n;

	for (size_t i = first; i < first + n; i += run) {
		struct uffdio_copy copy = {
			.dst = (unsigned long)fill.to + i * fill.step,
			.src = (unsigned long)fill.from + i * PAGE,
			.len = run * PAGE,
		};

		if (ioctl(fill.uffd, UFFDIO_COPY, &copy) < 0)
			die("UFFDIO_COPY");
	}
}

static void *fill_parts(void *arg)
{
	const size_t part = PART / fill.step;

	for (size_t i; (i = __atomic_fetch_add(&fill.next, part, __ATOMIC_SEQ_CST)) < fill.pages;)
		copy_pages(i, fill.pages - i < part ? fill.pages - i : part);
	return arg;
}

static void fill_memory(size_t step, void (*cut)(void))
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	size_t size = fill.pages * step;
	int fd = open(source, O_RDONLY);
	pthread_t threads[WORKERS];

	fill.step = step;
	fill.alone = step > PAGE || cut;
	fill.to = must_map(size, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (step > PAGE)
		madvise(fill.to, size, MADV_NOHUGEPAGE);
	if (fd < 0)
		die("the source");
	fill.from = must_map(fill.pages * PAGE, MAP_SHARED, fd);
	fill.uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	reg.range = (struct uffdio_range){ (unsigned long)fill.to, size };
	if (fill.uffd < 0 || ioctl(fill.uffd, UFFDIO_API, &api) < 0 ||
	    ioctl(fill.uffd, UFFDIO_REGISTER, &reg) < 0)
		die("userfaultfd");
	if (cut)
		cut();
	for (int i = 1; i < WORKERS; i++)
		if (pthread_create(&threads[i], NULL, fill_parts, NULL))
			die("pthread_create");
	fill_parts(NULL);
	for (int i = 1; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	ioctl(fill.uffd, UFFDIO_UNREGISTER, &reg.range);
	munmap(fill.from, fill.pages * PAGE);
	close(fill.uffd);
}

static void memory(void)
{
	fill_memory(PAGE, NULL);
}

static void sparse(void)
{
	fill_memory(2 * PAGE, NULL);
}

static void protect_every_other(void)
{
	for (long i = 0; i < count; i += 2)
		if (mprotect(fill.to + i * PAGE, PAGE, PROT_READ) < 0)
			die("mprotect");
}

/* No copy may go from one area into the next. */
static void areas(void)
{
	fill_memory(PAGE, protect_every_other);
}

/* --- tasks and threads -------------------------------------------------------------------------- */

static void nothing(void)
{
}

static void *idle(void *arg)
{
	say_tid();
	for (;;)
		pause();
	return arg;
}

static void threads(void)
{
	char *stacks = must_map(count * STACK, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	for (long i = 0; i < count; i++) {
		pthread_attr_setstack(&attr, stacks + i * STACK, STACK);
		if (pthread_create(&thread, &attr, idle, NULL))
			die("pthread_create");
	}
	while (shared->n < count)
		sched_yield();
}

static void tree(void)
{
	for (long i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid)
			idle(NULL);
	}
	while (shared->n < count)
		sched_yield();
}

/* --- descriptors -------------------------------------------------------------------------------- */

static void files(void)
{
	char name[32];

	for (long i = 0; i < count; i++) {
		int fd;

		snprintf(name, sizeof(name), "file-%ld", i);
		fd = open(name, O_RDWR);
		if (fd < 0 || lseek(fd, i, SEEK_SET) != i)
			die(name);
	}
}

static void pipes(void)
{
	int fds[2];

	for (long i = 0; i < count; i++)
		if (pipe(fds) < 0 || write(fds[1], &i, sizeof(i)) != sizeof(i))
			die("pipe");
}

static void sockets(void)
{
	int fds[2];

	for (long i = 0; i < count; i++)
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0 ||
		    write(fds[1], &i, sizeof(i)) != sizeof(i) ||
		    write(fds[0], &i, sizeof(i)) != sizeof(i))
			die("socketpair");
}

static void epoll(void)
{
	int epfd = epoll_create1(0);

	for (long i = 0; i < count; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.u64 = i };

		if (epoll_ctl(epfd, EPOLL_CTL_ADD, eventfd(i % 2, 0), &e) < 0)
			die("epoll");
	}
}

static void set(int fd, int level, int option, const void *value, socklen_t len)
{
	if (setsockopt(fd, level, option, value, len) < 0)
		die("setsockopt");
}

static void set_tcp(int fd, int option, int value)
{
	set(fd, IPPROTO_TCP, option, &value, sizeof(value));
}

/* One end, with data in its receive queue. */
static void connection(const struct sockaddr_in *from, const struct sockaddr_in *to, long i)
{
	const struct tcp_repair_opt options[] = { { TCPOPT_MAXSEG_, 65495 },
						  { TCPOPT_WINDOW_, 7 | 7 << 16 },
						  { TCPOPT_SACK_, 0 },
						  { TCPOPT_TIMESTAMP_, 0 } };
	const struct tcp_repair_window window = { 1000, 65536, 65536, 65536, 1000 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		die("socket");
	set_tcp(fd, TCP_REPAIR, 1);
	if (bind(fd, (const struct sockaddr *)from, sizeof(*from)) < 0)
		die("bind");
	set_tcp(fd, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE);
	set_tcp(fd, TCP_QUEUE_SEQ, 1000);
	set_tcp(fd, TCP_REPAIR_QUEUE, TCP_RECV_QUEUE);
	set_tcp(fd, TCP_QUEUE_SEQ, 1000);
	if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) < 0)
		die("connect");
	set(fd, IPPROTO_TCP, TCP_REPAIR_OPTIONS, options, sizeof(options));
	if (send(fd, &i, sizeof(i), 0) != sizeof(i))
		die("send");
	set(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &window, sizeof(window));
	set_tcp(fd, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP);
}

static void connections(void)
{
	const struct rlimit limit = { 2 * count + 64, 2 * count + 64 };
	struct sockaddr_in server = { .sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				      .sin_port = htons(PORT - 1) };
	struct sockaddr_in client = server;

	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("setrlimit");
	for (long i = 0; i < count; i++) {
		client.sin_port = htons(PORT + i);
		connection(&server, &client, i);
		connection(&client, &server, i);
	}
}

static const struct kind {
	const char *name;
	void (*make)(void);
	size_t pages; /* of contents, for each of count */
} kinds[] = {
	{ "smallest", nothing, 0 },
	{ "memory", memory, 256 },
	{ "sparse", sparse, 128 },
	{ "tree", tree, 0 },
	{ "threads", threads, 0 },
	{ "areas", areas, 1 },
	{ "files", files, 0 },
	{ "pipes", pipes, 0 },
	{ "sockets", sockets, 0 },
	{ "epoll", epoll, 0 },
	{ "connections", connections, 0 },
};

/* --- the process that is timed ------------------------------------------------------------------ */

static void hold(pid_t tid)
{
	int status;

	if (ptrace(PTRACE_SEIZE, tid, 0, 0) < 0 || ptrace(PTRACE_INTERRUPT, tid, 0, 0) < 0 ||
	    waitpid(tid, &status, __WALL) != tid)
		die("ptrace");
}

/* The state that it has is set anew. */
static void set_state(pid_t tid)
{
	struct user_regs_struct regs;
	static char xstate[16384];
	struct iovec iov = { xstate, sizeof(xstate) };

	if (ptrace(PTRACE_GETREGS, tid, 0, &regs) < 0 ||
	    ptrace(PTRACE_SETREGS, tid, 0, &regs) < 0 ||
	    ptrace(PTRACE_GETREGSET, tid, NT_X86_XSTATE, &iov) < 0 ||
	    ptrace(PTRACE_SETREGSET, tid, NT_X86_XSTATE, &iov) < 0 ||
	    ptrace(PTRACE_DETACH, tid, 0, 0) < 0)
		die("ptrace");
}

static void work(const struct kind *kind)
{
	int done[2];
	char c = 0;
	pid_t pid;

	if (pipe2(done, O_CLOEXEC) < 0 || (pid = fork()) < 0)
		die("fork");
	if (!pid) {
		setsid();
		shared->leader = getpid();
		close(done[0]);
		kind->make();
		say_tid();
		if (write(done[1], &c, 1) != 1)
			die("pipe");
		close(done[1]);
		for (;;)
			pause();
	}
	close(done[1]);
	if (read(done[0], &c, 1) != 1)
		exit(1);
	for (int i = 0; i < shared->n; i++)
		hold(shared->tids[i]);
	for (int i = 0; i < shared->n; i++)
		set_state(shared->tids[i]);
}

/* --- around it ---------------------------------------------------------------------------------- */

static void make_files(void)
{
	char name[32];

	for (long i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "file-%ld", i);
		close(open(name, O_WRONLY | O_CREAT, 0600));
	}
}

static long long now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static int run(const struct kind *kind, const char *name, const char *number)
{
	char *again[] = { (char *)"floor", (char *)name,   (char *)number,
			  (char *)source,  (char *)"work", NULL };
	int fd = memfd_create("floor", 0), status;
	long long begin, end;
	pid_t pid;

	if (fd < 0 || ftruncate(fd, sizeof(*shared)) < 0 || dup2(fd, 3) < 0)
		die("memfd");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0);
	if (kind->make == files)
		make_files();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	begin = now_ns();
	if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, again, environ))
		die("posix_spawn");
	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	end = now_ns();
	if (shared->leader)
		kill(-shared->leader, SIGKILL);
	while (wait(NULL) > 0)
		continue;
	if (status)
		return 1;
	printf("%lld\n", end - begin);
	return 0;
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc >= 2 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(argv[1], kinds[i].name))
			continue;
		count = argc > 2 ? strtol(argv[2], NULL, 10) : 1;
		fill.pages = kinds[i].pages * count;
		source = argc > 3 ? argv[3] : "";
		if (argc < 5)
			return run(&kinds[i], argv[1], argc > 2 ? argv[2] : "1");
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, 3, 0);
		if (shared == MAP_FAILED)
			die("mmap");
		work(&kinds[i]);
		return 0;
	}
	fprintf(stderr, "floor: KIND N [SOURCE], as for load\n");
	return 2;
}
