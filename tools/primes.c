/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tools/demo: counts the primes below a limit, in several threads that take a piece at a time.
 * Says how far it is in a file that it keeps open and writes over; prints the count at the end.
 *
 *	primes LIMIT THREADS FILE
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 1 << 21, HALF = PIECE / 2 }; /* odd numbers only */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t limit, next_start, done, count = 1; /* 2 */
static uint32_t *small;				    /* odd primes up to the limit's root */
static size_t n_small;
static int progress;

static void find_small(void)
{
	size_t n = 3;
	char *composite;

	while ((uint64_t)n * n <= limit)
		n++;
	composite = calloc(n, 1);
	small = malloc(n * sizeof(*small));
	if (!composite || !small)
		err(1, "malloc");
	for (size_t i = 3; i < n; i += 2) {
		if (composite[i])
			continue;
		small[n_small++] = i;
		for (size_t k = i * i; k < n; k += 2 * i)
			composite[k] = 1;
	}
	free(composite);
}

/* Primes among the odd numbers from start, which is even. */
static uint64_t count_piece(char *composite, uint64_t start)
{
	uint64_t end = start + PIECE < limit ? start + PIECE : limit, found = 0;

	memset(composite, 0, HALF);
	for (size_t i = 0; i < n_small && (uint64_t)small[i] * small[i] < end; i++) {
		uint64_t p = small[i], at = p * p;

		if (at < start) {
			at = (start + p - 1) / p * p;
			at += at % 2 ? 0 : p;
		}
		for (uint64_t k = (at - start) / 2; k < HALF; k += p)
			composite[k] = 1;
	}
	for (uint64_t k = 0; start + 2 * k + 1 < end; k++)
		found += !composite[k];
	return start ? found : found - 1; /* 1 is none */
}

static void *work(void *arg)
{
	char *composite = malloc(HALF), text[32];

	if (!composite)
		err(1, "malloc");
	for (;;) {
		uint64_t start, found;

		pthread_mutex_lock(&lock);
		start = next_start;
		next_start += PIECE;
		pthread_mutex_unlock(&lock);
		if (start >= limit)
			break;
		found = count_piece(composite, start);
		pthread_mutex_lock(&lock);
		count += found;
		done += PIECE;
		snprintf(text, sizeof(text), "%3d\n",
			 (int)(done < limit ? done * 100 / limit : 100));
		if (pwrite(progress, text, strlen(text), 0) < 0)
			err(1, "pwrite");
		pthread_mutex_unlock(&lock);
	}
	free(composite);
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t threads[64];
	int n;

	if (argc != 4)
		errx(2, "usage: primes LIMIT THREADS FILE");
	limit = strtoull(argv[1], NULL, 10);
	n = atoi(argv[2]);
	progress = open(argv[3], O_RDWR | O_CREAT | O_TRUNC, 0666);
	if (limit < 3 || n < 1 || n > 64 || progress < 0)
		err(1, "can't start");
	find_small();
	for (int i = 0; i < n; i++)
		if ((errno = pthread_create(&threads[i], NULL, work, NULL)))
			err(1, "pthread_create");
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	printf("%llu\n", (unsigned long long)count);
	return 0;
}
