/* SPDX-License-Identifier: Apache-2.0 */
/*
 * floor_dump MIB FILE [WORKERS] measures what a dump of that much memory can't do without, and
 *nothing else: to read it, to read it and write it to FILE, and to end the process, alone and with
 * process_mrelease(2) beside it. Milliseconds, on one line; doc/performance.md holds the dump's
 * rows against them.
 *
 *	gcc -O2 -pthread -D_GNU_SOURCE bench/floor_dump.c -o floor_dump && ./floor_dump 1024
 * /dev/shm/floor
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PIECE	    (256UL << 10)
#define WORKERS_MAX 16

static size_t size;
static uint64_t *memory;
static pid_t pid;
static int file = -1;
static _Atomic size_t next;

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

/* The memory is the child's own: the parent has none of it. */
static void start(void)
{
	uint64_t state = 88172645463325252ULL;
	int ready[2];
	char byte;

	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED || pipe(ready) < 0)
		die("setting up");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		for (size_t i = 0; i < size / sizeof(*memory); i++) {
			state ^= state << 13;
			state ^= state >> 7;
			memory[i] = state ^= state << 17;
		}
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		die("the child");
	close(ready[0]);
}

static void *copy(void *arg)
{
	char *buf = malloc(PIECE);
	size_t off;

	while (buf && (off = atomic_fetch_add(&next, PIECE)) < size) {
		struct iovec to = { buf, PIECE }, from = { (char *)memory + off, PIECE };

		if (process_vm_readv(pid, &to, 1, &from, 1, 0) != (ssize_t)PIECE)
			die("process_vm_readv");
		if (file >= 0 && pwrite(file, buf, PIECE, off) != (ssize_t)PIECE)
			die("pwrite");
	}
	free(buf);
	return arg;
}

static double copy_all(int workers)
{
	pthread_t threads[WORKERS_MAX];
	double began = now_ms();

	next = 0;
	for (int i = 1; i < workers; i++)
		if (pthread_create(&threads[i], NULL, copy, NULL))
			die("pthread_create");
	copy(NULL);
	for (int i = 1; i < workers; i++)
		pthread_join(threads[i], NULL);
	return now_ms() - began;
}

static double end(int help)
{
	int fd = syscall(SYS_pidfd_open, pid, 0);
	double began = now_ms();

	kill(pid, SIGKILL);
	if (help)
		syscall(448 /* process_mrelease */, fd, 0);
	waitpid(pid, NULL, 0);
	began = now_ms() - began;
	close(fd);
	munmap(memory, size);
	return began;
}

int main(int argc, char **argv)
{
	int workers = argc > 3 ? atoi(argv[3]) : 2;
	double reading, writing, ending, helped;

	if (argc < 3 || workers < 1 || workers > WORKERS_MAX || strtoul(argv[1], NULL, 10) < 1)
		return fprintf(stderr, "usage: floor_dump MIB FILE [WORKERS]\n"), 2;
	size = strtoul(argv[1], NULL, 10) << 20;
	start();
	reading = copy_all(workers);
	file = open(argv[2], O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (file < 0)
		die(argv[2]);
	writing = copy_all(workers);
	ending = end(0);
	close(file);
	unlink(argv[2]);
	start();
	helped = end(1);
	printf("read %.1f, read and write %.1f, end %.1f, end with help %.1f\n", reading, writing,
	       ending, helped);
	return 0;
}
