/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts that are nowhere in the tree of mounts: those that fsmount(2) and open_tree(2) give, and
 * what was unmounted lazily while something on it was open. Nothing but the descriptors leads
 * there. /proc/PID/fdinfo tells the mount of a descriptor, mountinfo all that have a place.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/proc/mountinfo.h"
#include "objects/file/file.h"

#define NO_MOUNT (-1)

struct mounts {
	struct hash by_id; /* id + 1 */
	bool known;
};

/* The root's too, which mountinfo leaves out where the tool is in a chroot(2). */
static void add_root(struct mounts *m)
{
	struct statx stx;

	if (statx(AT_FDCWD, "/", 0, STATX_MNT_ID, &stx) == 0 && stx.stx_mask & STATX_MNT_ID)
		hash_put(&m->by_id, stx.stx_mnt_id + 1, m);
}

static const struct mounts *mounts_of(struct dump *d)
{
	struct mounts *m = d->priv[SLOT_DETACHED];
	struct proc_mounts list = { 0 };
	struct proc_buf buf = { 0 };
	struct proc self;

	if (m)
		return m;
	m = d->priv[SLOT_DETACHED] = arena_new(dump_arena(d), struct mounts);
	session_own_hash(d->s, &m->by_id);
	if (proc_open(&self, getpid(), &buf, NULL) == 0) {
		m->known = proc_mountinfo(&self, dump_arena(d), &list, NULL) == 0;
		proc_close(&self);
	}
	proc_buf_free(&buf);
	for (size_t i = 0; i < list.n; i++)
		hash_put(&m->by_id, list.mounts[i].id + UINT64_C(1), m);
	add_root(m);
	return m;
}

bool mount_is_detached(struct dump *d, const struct file_probe *p)
{
	const struct mounts *m;

	if (p->fd < 0 || p->info.mnt_id == NO_MOUNT)
		return false;
	m = mounts_of(d);
	return m->known && !hash_get(&m->by_id, p->info.mnt_id + UINT64_C(1));
}
