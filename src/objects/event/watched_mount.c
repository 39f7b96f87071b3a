/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounts and file systems that fanotify marks, by the kernel's number of the mount, or by the
 * device. Each is known by a path that leads to the root of the mount, and not to another one that
 * covers it: what statx(2) says of the path is asked for both (Linux 5.8).
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "kernel/proc/mountinfo.h"
#include "objects/event/watched.h"

/* Is the path the root of a mount? *ret_id is the mount's number. */
static bool is_mount(const char *path, uint64_t *ret_id)
{
	struct statx st;

	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_MNT_ID, &st) < 0 ||
	    !(st.stx_mask & STATX_MNT_ID) || !(st.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return false;
	*ret_id = st.stx_mnt_id;
	return true;
}

int watched_find_mount(struct dump *d, FanotifyMountMarkEntry *e, uint32_t dev)
{
	const struct proc_mounts *mounts = watched_mounts(dump_arena(d), d->priv);

	for (size_t i = 0; i < mounts->n; i++) {
		const struct proc_mount *m = &mounts->mounts[i];
		uint64_t id;

		if (dev ? DEV_OF(m->major, m->minor) != dev : (uint32_t)m->id != e->mnt_id)
			continue;
		if (!is_mount(m->point, &id) || id != (uint32_t)m->id)
			continue;
		e->mnt_id = m->id;
		e->path = (char *)m->point;
		return 0;
	}
	return -ENOENT;
}

const char *watched_mount_path(struct restore *r, const FanotifyMountMarkEntry *e,
			       const char **ret_why)
{
	uint64_t id;

	if (e->path && e->path[0] == '/' && is_mount(e->path, &id))
		return e->path;
	*ret_why = arena_printf(restore_arena(r), "nothing is mounted at %s, which is marked",
				e->path ? e->path : "a place that the images don't name");
	return NULL;
}
