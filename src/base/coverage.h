/* SPDX-License-Identifier: Apache-2.0 */
/* A build for coverage counts in memory, and writes that down when a process exits: whoever leaves
 * in another way asks for it before. */
#ifndef BASE_COVERAGE_H
#define BASE_COVERAGE_H

#ifdef COVERAGE
void __gcov_dump(void);

static inline void coverage_note(void)
{
	__gcov_dump();
}
#else
static inline void coverage_note(void)
{
}
#endif

#endif
