/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loads of the benchmark: a process (tree) of a given kind that says when it is ready and
 * answers SIGTERM by checking that it is whole and ending with status 0.
 *
 *	load smallest            nothing but itself
 *	load memory MIB          that much private memory with random contents
 *	load sparse MIB          the same range, every other page touched
 *	load tree N              N children
 *	load threads N           N threads
 *	load areas N             N memory areas of a page, that can't be merged
 *	load files N             N open files
 *	load pipes N             N pipes with data in them
 *	load sockets N           N pairs of unix sockets with data in both directions
 *	load epoll N             one epoll with N eventfds, of which every other one is ready
 *	load connections N       N TCP connections, both ends here, with data in both directions
 *
 * It creates the file "ready" in its working directory, and waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL

static char *memory;
static size_t memory_size, memory_step;
static uint64_t memory_sum;
static int *fds;
static long count;
static pid_t *pids;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static void wait_for_term(void)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	while (sigwait(&set, &sig) != 0)
		continue;
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static uint64_t sum_memory(void)
{
	uint64_t sum = 0;

	for (size_t off = 0; off < memory_size; off += memory_step) {
		const uint64_t *page = (const uint64_t *)(memory + off);

		for (size_t i = 0; i < PAGE / sizeof(*page); i++)
			sum = sum * 31 + page[i];
	}
	return sum;
}

/* Every step'th page with random contents, so that nothing can be gained by looking for zeros. */
static void make_memory(long mib, size_t step)
{
	uint64_t state = 88172645463325252ULL;

	memory_size = (size_t)mib << 20;
	memory_step = step;
	memory =
		mmap(NULL, memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		die("mmap");
	/* The kernel may not turn touched neighbours into a huge page: the rows are about pages. */
	if (step > PAGE && madvise(memory, memory_size, MADV_NOHUGEPAGE) < 0 && errno != EINVAL)
		die("madvise");
	for (size_t off = 0; off < memory_size; off += step)
		for (size_t i = 0; i < PAGE; i += sizeof(state))
			*(uint64_t *)(memory + off + i) = next_random(&state);
	memory_sum = sum_memory();
}

static void make_tree(void)
{
	pids = calloc(count, sizeof(*pids));
	for (long i = 0; i < count; i++) {
		pids[i] = fork();
		if (pids[i] < 0)
			die("fork");
		if (!pids[i]) {
			wait_for_term();
			_exit(0);
		}
	}
}

static void end_tree(void)
{
	int status;

	for (long i = 0; i < count; i++)
		if (kill(pids[i], SIGTERM) < 0)
			die("kill");
	for (long i = 0; i < count; i++)
		if (waitpid(pids[i], &status, 0) != pids[i] || status != 0)
			die("a child did not end well");
}

static void *idle(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void make_threads(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	for (long i = 0; i < count; i++)
		if (pthread_create(&thread, &attr, idle, NULL))
			die("pthread_create");
}

/* Neighbours differ in their protection, so they stay areas of their own. */
static void make_areas(void)
{
	memory_size = count * PAGE;
	memory =
		mmap(NULL, memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		die("mmap");
	for (long i = 0; i < count; i++)
		memory[i * PAGE] = 1;
	for (long i = 0; i < count; i += 2)
		if (mprotect(memory + i * PAGE, PAGE, PROT_READ) < 0)
			die("mprotect");
}

static void end_areas(void)
{
	for (long i = 0; i < count; i++)
		if (memory[i * PAGE] != 1)
			die("an area lost its contents");
}

static void make_files(void)
{
	char name[32];

	fds = calloc(count, sizeof(*fds));
	for (long i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "file-%ld", i);
		fds[i] = open(name, O_RDWR | O_CREAT, 0600);
		if (fds[i] < 0 || lseek(fds[i], i, SEEK_SET) != i)
			die("open");
	}
}

static void end_files(void)
{
	for (long i = 0; i < count; i++)
		if (lseek(fds[i], 0, SEEK_CUR) != i)
			die("a file's position changed");
}

static void make_pipes(void)
{
	fds = calloc(2 * count, sizeof(*fds));
	for (long i = 0; i < count; i++)
		if (pipe(fds + 2 * i) < 0 || write(fds[2 * i + 1], &i, sizeof(i)) != sizeof(i))
			die("pipe");
}

static void end_pipes(void)
{
	long value;

	for (long i = 0; i < count; i++)
		if (read(fds[2 * i], &value, sizeof(value)) != sizeof(value) || value != i)
			die("a pipe lost its contents");
}

static void make_sockets(void)
{
	fds = calloc(2 * count, sizeof(*fds));
	for (long i = 0; i < count; i++)
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds + 2 * i) < 0 ||
		    write(fds[2 * i + 1], &i, sizeof(i)) != sizeof(i) ||
		    write(fds[2 * i], &i, sizeof(i)) != sizeof(i))
			die("socketpair");
}

static void make_epoll(void)
{
	fds = calloc(count + 1, sizeof(*fds));
	fds[count] = epoll_create1(0);
	for (long i = 0; i < count; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.u64 = i };

		fds[i] = eventfd(i % 2, 0);
		if (fds[i] < 0 || epoll_ctl(fds[count], EPOLL_CTL_ADD, fds[i], &e) < 0)
			die("epoll");
	}
}

static void end_epoll(void)
{
	struct epoll_event *ready = calloc(count + 1, sizeof(*ready));
	char *seen = calloc(count, 1);
	int n = epoll_wait(fds[count], ready, count + 1, 0);

	for (int i = 0; i < n; i++)
		if (ready[i].data.u64 >= (uint64_t)count || seen[ready[i].data.u64]++ ||
		    ready[i].data.u64 % 2 == 0)
			die("an epoll tells what is not ready");
	if (n != count / 2)
		die("an epoll lost a member");
}

static int listen_anywhere(struct sockaddr_in *addr)
{
	socklen_t len = sizeof(*addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*addr = (struct sockaddr_in){ .sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (fd < 0 || bind(fd, (struct sockaddr *)addr, len) < 0 || listen(fd, 16) < 0 ||
	    getsockname(fd, (struct sockaddr *)addr, &len) < 0)
		die("listen");
	return fd;
}

static void make_connections(void)
{
	struct rlimit limit = { 2 * count + 64, 2 * count + 64 };
	struct sockaddr_in addr;
	int listener = listen_anywhere(&addr);

	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		die("setrlimit");
	fds = calloc(2 * count, sizeof(*fds));
	for (long i = 0; i < count; i++) {
		fds[2 * i] = socket(AF_INET, SOCK_STREAM, 0);
		if (fds[2 * i] < 0 ||
		    connect(fds[2 * i], (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
		    (fds[2 * i + 1] = accept(listener, NULL, NULL)) < 0 ||
		    write(fds[2 * i + 1], &i, sizeof(i)) != sizeof(i) ||
		    write(fds[2 * i], &i, sizeof(i)) != sizeof(i))
			die("connect");
	}
	close(listener);
}

static void end_sockets(void)
{
	long value;

	for (long i = 0; i < 2 * count; i++)
		if (read(fds[i], &value, sizeof(value)) != sizeof(value) || value != i / 2)
			die("a socket lost its contents");
}

static void end_memory(void)
{
	if (sum_memory() != memory_sum)
		die("the memory changed");
}

static void nothing(void)
{
}

static void random_memory(void)
{
	make_memory(count, PAGE);
}

static void sparse_memory(void)
{
	make_memory(count, 2 * PAGE);
}

static const struct load {
	const char *name;
	void (*make)(void), (*end)(void);
} loads[] = {
	{ "smallest", nothing, nothing },
	{ "memory", random_memory, end_memory },
	{ "sparse", sparse_memory, end_memory },
	{ "tree", make_tree, end_tree },
	{ "threads", make_threads, nothing },
	{ "areas", make_areas, end_areas },
	{ "sockets", make_sockets, end_sockets },
	{ "files", make_files, end_files },
	{ "epoll", make_epoll, end_epoll },
	{ "pipes", make_pipes, end_pipes },
	{ "connections", make_connections, end_sockets },
};

static void say_ready(void)
{
	int fd = open("ready", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		die("ready");
	close(fd);
}

int main(int argc, char **argv)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	count = argc > 2 ? strtol(argv[2], NULL, 10) : 0;
	for (size_t i = 0; argc > 1 && i < sizeof(loads) / sizeof(loads[0]); i++) {
		if (strcmp(argv[1], loads[i].name))
			continue;
		loads[i].make();
		say_ready();
		wait_for_term();
		loads[i].end();
		return 0;
	}
	fprintf(stderr, "load: no such load\n");
	return 2;
}
