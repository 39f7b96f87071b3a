/* SPDX-License-Identifier: Apache-2.0 */
/* Whether anonymous memory may be in huge pages: the machine's choice (transparent_hugepage(5)). */
#ifndef BASE_HUGE_H
#define BASE_HUGE_H

#include <stddef.h>

enum huge_pages {
	HUGE_NEVER = 1,
	HUGE_ON_REQUEST, /* by MADV_HUGEPAGE */
	HUGE_ALWAYS,
};

/* Asked once a run: what is forked inherits the answer. */
enum huge_pages huge_pages(void);

/* Private memory in one huge page, of this size and at a multiple of it; NULL: there is none. What
 * the kernel has no huge page for at the moment is made of small ones. */
#define HUGE_PAGE ((size_t)2 << 20)
void *huge_page_map(void);

#endif
