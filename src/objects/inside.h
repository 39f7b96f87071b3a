/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's own memory (kernel/kmem.h), and the description of its types (kernel/btf.h), for all
 * classes of one dump: opened when the first one asks, and once, as going through the types takes
 * milliseconds in which the tree stands still. It is closed at the session's end. For the tool's
 * first thread.
 */
#ifndef OBJECTS_INSIDE_H
#define OBJECTS_INSIDE_H

#include "kernel/btf.h"
#include "kernel/kmem.h"
#include "model/dump.h"

struct inside {
	struct kmem memory;
	struct btf *types;
	bool asked; /* for pages */
	int error;  /* why nothing can be read: -errno of btf_open() or kmem_open() */
	struct inside_members *found;
};

/* What the freeze looks through, too; opened or not. */
struct kmem_view *inside_view(struct dump *d);
/* NULL: nothing can be read. */
struct inside *inside_kernel(struct dump *d);
/* The same, with the reason. */
int inside_open(struct dump *d, struct inside **ret);
/* kmem_find_pages(), once: can kmem_page() be asked? Without, what is long can't be read. */
bool inside_pages(struct inside *x);
/* btf_offsets(), found once for each list (by its address); NULL: one of them is missing. */
const int *inside_offsets(struct dump *d, const char *const *members, size_t n);

#endif
