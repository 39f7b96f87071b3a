/* SPDX-License-Identifier: Apache-2.0 */
/* What show prints of an image set: entries as they are, linked to a tree. */
#ifndef FRONT_CLI_SHOW_H
#define FRONT_CLI_SHOW_H

#include <stdio.h>

#include "base/hash.h"
#include "front/cli/cli.h"
#include "image/dir.h"

struct show_task {
	const PstreeEntry *e;
	const CoreEntry *core;
	const MmEntry *mm; /* NULL: a zombie has none */
	const FsEntry *fs; /* NULL likewise */
	FdinfoEntry **fds;
	size_t n_fds;
	uint64_t mapped, dumped, in_parent; /* bytes */
	struct show_task *parent, **children;
	size_t n_children;
};

struct show {
	struct run *run;
	struct arena *arena;
	struct image_dir *dir;
	const InventoryEntry *inventory;
	const CrtoolsManifestEntry *manifest; /* NULL: CRIU wrote it */
	const DumpStatsEntry *stats;	      /* NULL: not there */
	uint32_t page_size;
	struct show_task **tasks;
	size_t n_tasks, n_threads;
	struct hash files, remaps,
		memfds; /* by id: FileEntry, RemapFilePathEntry, MemfdInodeEntry */
	struct image_file *images;
	size_t n_images;
	uint64_t image_bytes, page_bytes;
	uint64_t shared_dumped; /* bytes in the pagemaps of shared memory */
};

/* Reads the set in the images directory. */
int show_load(struct run *run, struct show *ret);
void show_free(struct show *s);
const struct show_task *show_task_by_pid(const struct show *s, uint32_t pid);

/* "/var/log/x (deleted)", "pipe:[12]", "TCP 127.0.0.1:80, listening"; in the arena. */
const char *show_file_text(struct show *s, uint32_t id);
/* "r", "w", "rw" or "-"; for what has no such flags "". */
const char *show_file_access(struct show *s, uint32_t id);
const char *show_file_type(const FdinfoEntry *fd);
/* The path of a mapping's file, or "[stack]" and the like. */
const char *show_area_text(struct show *s, const VmaEntry *vma);
const char *show_state(const struct show_task *t);

int show_print_text(struct show *s, const struct show_task *only, bool colour, FILE *out);
int show_print_json(struct show *s, const struct show_task *only, FILE *out);

#endif
