/* SPDX-License-Identifier: Apache-2.0 */
/* See nearest.h. */
#include "base/nearest.h"

#include <string.h>

#define WORD_MAX 64

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment: three rows of the usual table are alive at a time. */
size_t nearest_distance(const char *a, const char *b)
{
	size_t rows[3][WORD_MAX], la = strlen(a), lb = strlen(b);

	if (la >= WORD_MAX || lb >= WORD_MAX)
		return la > lb ? la - lb : lb - la + !strcmp(a, b);
	for (size_t j = 0; j <= lb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *row = rows[i % 3], *up = rows[(i - 1) % 3], *up2 = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			row[j] =
				min(min(up[j], row[j - 1]) + 1, up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = min(row[j], up2[j - 2] + 1);
		}
	}
	return rows[la % 3][lb];
}

void nearest_offer(struct nearest *n, const char *candidate)
{
	size_t distance = nearest_distance(n->word, candidate);

	/* A word that goes on as typed is nearer than one of other letters. */
	if (strlen(n->word) >= 3 && !strncmp(n->word, candidate, strlen(n->word)))
		distance = 1;
	if (!n->best || distance < n->distance) {
		n->best = candidate;
		n->distance = distance;
	}
}

const char *nearest_result(const struct nearest *n)
{
	size_t len = strlen(n->word);

	return n->best && n->distance <= (len < 4 ? 1 : len / 3) ? n->best : NULL;
}
