/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that are registered with a ring (IORING_REGISTER_FILES). fdinfo shows their names,
 * which many files have in common: all eventfds, both ends of a pipe. Which ones they are is read
 * in the kernel's memory, where the ring and the tables of descriptors have them by their
 * addresses; where that can't be, a file is known by its name if no other one in the tree has it.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "objects/uring/uring_kernel.h"

#define SLOT_FLAGS UINT64_C(7) /* FFS_NOWAIT …: in the low bits of io_rsrc_node.file_ptr */

/* --- by its address ------------------------------------------------------------------------------
 */

static void note_table(struct dump *d, struct uring_kernel *k, const struct dump_task *t)
{
	uint64_t *files;
	uint32_t n;

	if (uring_kernel_fds(d, k, kmem_task(k->memory, t->stop->pidfd), &files, &n) < 0)
		return;
	for (size_t i = 0; i < t->table->n_fds; i++)
		if (t->table->fds[i]->fd < n && files[t->table->fds[i]->fd])
			hash_put(&k->by_file, files[t->table->fds[i]->fd], t->table->fds[i]);
}

/* Of all descriptors of the tree. */
static const struct hash *known_files(struct dump *d, struct uring_kernel *k)
{
	if (k->has_files)
		return &k->by_file;
	k->has_files = true;
	session_own_hash(d->s, &k->by_file);
	for (size_t i = 0; i < d->n_tasks; i++)
		if (d->tasks[i]->table && d->tasks[i]->table->owner == d->tasks[i])
			note_table(d, k, d->tasks[i]);
	return &k->by_file;
}

/* 0 or -errno: it can't be told. *ret: 0: no descriptor leads to it. */
static int file_by_address(const struct uring_out *u, uint32_t index, uint32_t *ret)
{
	struct dump *d = u->task->dump;
	struct uring_kernel *k = uring_kernel(d);
	const FdinfoEntry *e;
	uint64_t ring, node, file;

	if (!k || k->at[PLACE_FILE_TABLE] < 0 || k->at[PLACE_FILE_DATA] < 0 ||
	    k->at[PLACE_FILE_NODES] < 0 || k->at[PLACE_NODE_FILE] < 0)
		return -EOPNOTSUPP;
	ring = kmem_private(k->memory, u->fd);
	node = kmem_pointer(k->memory, ring ? ring + (uint64_t)k->at[PLACE_FILE_TABLE] : 0,
			    k->at[PLACE_FILE_DATA] + k->at[PLACE_FILE_NODES]);
	node = kmem_pointer(k->memory, node, (int)(index * sizeof(uint64_t)));
	file = kmem_pointer(k->memory, node, k->at[PLACE_NODE_FILE]) & ~SLOT_FLAGS;
	if (!file)
		return -EIO;
	e = hash_get(known_files(d, k), file);
	*ret = e ? e->id : 0;
	return 0;
}

/* --- by its name ---------------------------------------------------------------------------------
 */

/* The file that all descriptors in the tree with that name lead to; 0: none, or there are several. */
static uint32_t file_by_name(const struct dump *d, const char *name)
{
	uint32_t found = 0;

	for (size_t i = 0; i < d->n_tasks; i++) {
		const struct dump_task *t = d->tasks[i];

		for (size_t k = 0; t->table && t->table->owner == t && k < t->table->n_fds; k++) {
			const FdinfoEntry *e = t->table->fds[k];
			char link[32], path[4096];
			ssize_t n;

			snprintf(link, sizeof(link), "fd/%u", e->fd);
			n = readlinkat(t->stop->proc.fd, link, path, sizeof(path) - 1);
			if (n <= 0 || (size_t)n != strlen(name) || memcmp(path, name, n))
				continue;
			if (found && found != e->id)
				return 0;
			found = e->id;
		}
	}
	return found;
}

void uring_files_note(struct uring_out *u)
{
	struct dump *d = u->task->dump;

	for (uint64_t i = 0; i < u->info.n_files; i++) {
		const char *name = u->info.files[i];
		uint32_t id = 0;
		bool exact = name && file_by_address(u, i, &id) == 0;

		if (name && !exact)
			id = file_by_name(d, name);
		arena_push(dump_arena(d), u->e->file, u->e->n_file, id);
		if (name && !id)
			uring_refuse(u,
				     arena_printf(dump_arena(d),
						  "has %s registered, which no descriptor of the "
						  "tree leads to%s",
						  name,
						  exact ? "" : ", or several with that name do"),
				     "have the program keep the descriptor open");
	}
}
