/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean …": how far two words are apart. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

/* Insertions, deletions, replacements and swaps of neighbours that lead from a to b. Words longer
 * than 63 bytes are as far apart as their lengths say at least. */
size_t nearest_distance(const char *a, const char *b);

/* Keeps the best candidate of several; start with zeroes and the word. */
struct nearest {
	const char *word, *best;
	size_t distance;
};
void nearest_offer(struct nearest *n, const char *candidate);
/* The best candidate when it is near enough to be a slip of the fingers, else NULL. */
const char *nearest_result(const struct nearest *n);

#endif
