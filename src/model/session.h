/* SPDX-License-Identifier: Apache-2.0 */
/* One run of the tool: what every room above this one is handed. */
#ifndef MODEL_SESSION_H
#define MODEL_SESSION_H

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/journal.h"
#include "image/dir.h"
#include "model/options.h"
#include "model/report.h"
#include "model/undo.h"

struct session {
	const struct options *opts;
	struct err *err;    /* shared with forked children */
	int images_fd;	    /* the directory -D */
	struct arena arena; /* lives as long as the session */
	struct report report;
	struct undo undo;	/* effects outside: taken back when the work fails */
	struct undo owned;	/* memory and descriptors that classes keep: freed in any case */
	struct journal journal; /* effects outside, for clean; removed at the session's end */
	struct image_dir *images;
	/* What a run tells at its end, and stats-dump/stats-restore hold; microseconds and counts. */
	struct {
		uint64_t freezing_us, frozen_us, memdump_us, memwrite_us;
		uint64_t pages_scanned, pages_written, pages_skipped_parent, pages_lazy;
		uint64_t forking_us, restore_us, pages_restored, pages_compared, pages_skipped_cow;
	} stats;
	/* check -t: what a dump would cost. */
	struct prediction {
		bool made;
		size_t tasks, threads;
		uint64_t image_bytes, freeze_us;
	} prediction;
	pid_t root_pid; /* of the restored tree, as the tool sees it */
	int pidfile_fd; /* --pidfile, made and empty: pidfile_write() once root_pid is known; -1 */
	int script_status; /* of a post-dump script that failed: the dump exits with it */
	/* The process ends with this session, and the kernel frees its memory: to free a page that
	 * a restored task was forked with is to copy it first. */
	bool last;
};

void session_init(struct session *s, const struct options *opts, struct err *err, int images_fd);
/* Effects that have not become results are taken back, memory and descriptors freed. */
void session_end(struct session *s);
/* The hash is freed at the session's end. */
void session_own_hash(struct session *s, struct hash *h);

#endif
