/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks and leases on files: flock(2), POSIX and open-file-description locks of fcntl(2),
 * F_SETLEASE. They may be on a file of any kind that has an inode, so this is asked of each
 * descriptor and not of a class. Not kept by this version: refused, one by one.
 *
 * fdinfo shows a lock beside the description by which it was taken (fs/locks.c, __show_fd_locks()),
 * a POSIX one only to the descriptor table that owns it. So each descriptor of each table is asked,
 * and not only the first one that is met of a description.
 */
#include <string.h>

#include "objects/file/file.h"

static const char *const names[] = {
	[LOCK_KIND_FLOCK] = "a lock by flock(2)",
	[LOCK_KIND_POSIX] = "a POSIX lock",
	[LOCK_KIND_OFD] = "a lock of the open file description",
	[LOCK_KIND_LEASE] = "a lease",
	[LOCK_KIND_DELEG] = "a delegation",
};

void file_locks_collect(const struct file_probe *p)
{
	const char *key, *value;
	size_t pos = 0, key_len, value_len;
	struct proc_lock lock;

	while (proc_next_line(p->info.text, p->info.text_len, &pos, &key, &key_len, &value,
			      &value_len)) {
		const char *what = "a lock of an unknown kind";

		if (key_len != strlen("lock") || memcmp(key, "lock", key_len) != 0)
			continue;
		if (proc_lock_parse(value, value_len, &lock) == 0)
			what = names[lock.kind];
		task_refuse(p->task, probe_object(p),
			    arena_printf(dump_arena(p->task->dump),
					 "holds %s; locks are not kept by this version", what),
			    "have it released before the dump");
	}
}
