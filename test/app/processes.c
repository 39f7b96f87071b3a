/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of many processes, each with a pipe to the next one. A token goes round; each adds its
 * number to it and keeps count of what has passed in memory of its own. They are a tree of several
 * levels and not a comb. Prints the token each time it has come round.
 *
 *	processes COUNT ROUNDS [GATE]	(a file: its size is how many rounds may be done)
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct token {
	uint64_t sum, hops;
};

static void take(int fd, struct token *ret)
{
	ssize_t n;

	while ((n = read(fd, ret, sizeof(*ret))) < 0)
		if (errno != EINTR)
			err(1, "read");
	if (n != sizeof(*ret))
		errx(1, "read %zd bytes of a token", n);
}

static void give(int fd, const struct token *t)
{
	while (write(fd, t, sizeof(*t)) < 0)
		if (errno != EINTR)
			err(1, "write");
}

static void station(int from, int to, int number, int rounds)
{
	uint64_t own = number;
	struct token t;

	for (int round = 0; round < rounds; round++) {
		take(from, &t);
		own = own * 31 + t.sum;
		t.sum = t.sum * 7 + own + number;
		t.hops++;
		give(to, &t);
	}
}

/* Closes all but the ends that stations [first, past) have. */
static void keep(int (*pipes)[2], int count, int first, int past)
{
	for (int i = 0; i < count; i++) {
		int giver = (i ? i : count) - 1;
		bool kept[2] = { i >= first && i < past, giver >= first && giver < past };

		for (int end = 0; end < 2; end++)
			if (!kept[end] && pipes[i][end] >= 0) {
				close(pipes[i][end]);
				pipes[i][end] = -1;
			}
	}
}

/* Forks stations [first, last) below this process, the tree as deep as the range has halves. */
static void fork_range(int (*pipes)[2], int first, int last, int count, int rounds)
{
	while (first < last) {
		int middle = first + (last - first) / 2, status;
		pid_t pid;

		if (middle == first)
			middle++;
		pid = fork();
		if (pid < 0)
			err(1, "fork");
		if (pid == 0) {
			int from = pipes[first][0], to = pipes[(first + 1) % count][1];

			/* Its own station, and those up to the middle below it. Ends that none of
			 * them has would have to be closed by each. */
			keep(pipes, count, first, middle);
			fork_range(pipes, first + 1, middle, count, rounds);
			keep(pipes, count, first, first + 1);
			station(from, to, first, rounds);
			while (wait(&status) > 0)
				if (status)
					exit(1);
			exit(0);
		}
		first = middle;
	}
}

/* With a file: until this one lets so many rounds be done. */
static void await_gate(const char *gate, off_t rounds)
{
	struct stat st;

	while (gate && (stat(gate, &st) || st.st_size < rounds))
		usleep(2000);
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 1000, rounds = argc > 2 ? atoi(argv[2]) : 100;
	int(*pipes)[2] = calloc(count, sizeof(*pipes)), status;
	struct token t = { 1, 0 };

	if (!pipes)
		err(1, "calloc");
	for (int i = 0; i < count; i++)
		if (pipe(pipes[i]))
			err(1, "pipe");
	setvbuf(stdout, NULL, _IOLBF, 0);
	fork_range(pipes, 1, count, count, rounds);
	keep(pipes, count, 0, 1);
	for (int round = 0; round < rounds; round++) {
		await_gate(argc > 3 ? argv[3] : NULL, round + 1);
		give(pipes[1][1], &t);
		take(pipes[0][0], &t);
		if (t.hops != (uint64_t)(round + 1) * (count - 1))
			errx(1, "%llu hops in round %d", (unsigned long long)t.hops, round);
		printf("%d %llx %llu\n", round, (unsigned long long)t.sum,
		       (unsigned long long)t.hops);
	}
	for (int left = 1; left;) {
		pid_t pid = wait(&status);

		left = pid > 0 || (pid < 0 && errno == EINTR);
		if (pid > 0 && status)
			errx(1, "child %d ended with status %x", pid, status);
	}
	return 0;
}
