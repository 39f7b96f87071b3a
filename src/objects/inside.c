/* SPDX-License-Identifier: Apache-2.0 */
/* See inside.h. */
#include "objects/inside.h"

#include "kernel/probe/features.h"
#include "objects/registry.h"

struct inside_members {
	const char *const *members;
	bool all;
	int *at;
	struct inside_members *next;
};

static void close_it(void *data)
{
	kmem_view_close(data);
}

struct kmem_view *inside_view(struct dump *d)
{
	if (!d->kernel) {
		d->kernel = arena_new(dump_arena(d), struct kmem_view);
		undo_push(&d->s->owned, close_it, d->kernel);
	}
	return d->kernel;
}

/* What needs it says what it takes, of privileges and of the kernel; not everybody knows of this. */
static void tell_of_lockdown(struct dump *d)
{
	struct features f = { 0 };

	if (!feature_has(&f, FEATURE_NO_LOCKDOWN))
		report_warn(
			&d->s->report, 0, "the kernel's own memory",
			"can't be read, whatever crtools may do: the kernel is locked down for "
			"confidentiality (lockdown=confidentiality)",
			"What is named below for this reason takes a kernel that is locked down "
			"for integrity, or not at all.");
}

int inside_open(struct dump *d, struct inside **ret)
{
	struct inside *x = d->priv[SLOT_INSIDE];

	if (!x) {
		x = d->priv[SLOT_INSIDE] = arena_new(dump_arena(d), struct inside);
		x->error = kmem_view_open(inside_view(d));
		x->memory = d->kernel->memory;
		x->types = d->kernel->types;
		if (x->error)
			tell_of_lockdown(d);
	}
	*ret = x->error == 0 ? x : NULL;
	return x->error;
}

struct inside *inside_kernel(struct dump *d)
{
	struct inside *x;

	inside_open(d, &x);
	return x;
}

bool inside_pages(struct inside *x)
{
	if (!x->asked)
		kmem_find_pages(&x->memory, x->types);
	x->asked = true;
	return x->memory.direct != 0;
}

const int *inside_offsets(struct dump *d, const char *const *members, size_t n)
{
	struct inside *x = inside_kernel(d);
	struct inside_members *m = x ? x->found : NULL;

	if (!x)
		return NULL;
	for (; m; m = m->next)
		if (m->members == members)
			return m->all ? m->at : NULL;
	m = arena_new(dump_arena(d), struct inside_members);
	*m = (struct inside_members){ .members = members, .next = x->found };
	m->at = arena_alloc(dump_arena(d), n * sizeof(*m->at));
	m->all = btf_offsets(x->types, members, n, m->at) == 0;
	x->found = m;
	return m->all ? m->at : NULL;
}
