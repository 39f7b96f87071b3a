/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors of namespaces (namespaces(7)): /proc/PID/ns/net and the like, or what a bind mount of
 * one was opened by. Those of the namespaces that the tree shares with the tool are kept, and of
 * the time namespace that it may have for itself: they lead to the namespace that the restored tree
 * is in. One of any other namespace would be all that keeps it, or is somebody else's: refused.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>

#include "objects/fown.h"
#include "objects/namespace/nsfile.h"
#include "objects/registry.h"

#define STATUS_FLAGS (O_NONBLOCK | O_APPEND | O_NOATIME)
#define NO_KIND	     NS_KINDS

/* "net:[4026531840]" */
static enum ns_kind kind_of_link(const char *link)
{
	for (enum ns_kind k = 0; k < NS_KINDS; k++) {
		size_t len = strlen(ns_names[k]);

		if (!strncmp(link, ns_names[k], len) && link[len] == ':')
			return k;
	}
	return NO_KIND;
}

/* Two kinds have a second one for children, which is of the same namespaces. */
static enum ns_kind kind_of_flag(uint32_t flag)
{
	for (enum ns_kind k = 0; k < NS_KINDS; k++)
		if (flag == (uint32_t)ns_clone_flag(k) && k != NS_PID_FOR_CHILDREN &&
		    k != NS_TIME_FOR_CHILDREN)
			return k;
	return NO_KIND;
}

/* --- dump ----------------------------------------------------------------------------------------
 */

static bool nsfile_match(const struct file_probe *p)
{
	return p->fd >= 0 && p->fs_magic == NSFS_MAGIC && !(p->info.flags & O_PATH) &&
	       kind_of_link(p->link.path) != NO_KIND;
}

/* As the ids of the tree's root have it. */
static uint32_t id_of(const TaskKobjIdsEntry *ids, enum ns_kind kind)
{
	switch (kind) {
	case NS_PID:
		return ids->pid_ns_id;
	case NS_NET:
		return ids->net_ns_id;
	case NS_IPC:
		return ids->ipc_ns_id;
	case NS_UTS:
		return ids->uts_ns_id;
	case NS_TIME:
		return ids->time_ns_id;
	case NS_MNT:
		return ids->mnt_ns_id;
	case NS_USER:
		return ids->user_ns_id;
	default:
		return ids->cgroup_ns_id;
	}
}

/* The namespace that the tree is in. */
static uint32_t ino_of_tree(const struct dump *d, enum ns_kind kind)
{
	return kind == NS_TIME && d->time_ns_ino ? d->time_ns_ino : d->own_ns.ino[kind];
}

static int nsfile_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	enum ns_kind kind = kind_of_link(p->link.path);
	const struct dump_task *root = d->tasks[0];
	NsFileEntry *e = arena_msg(dump_arena(d), NsFileEntry, ns_file_entry);

	if (p->stat.st_ino != ino_of_tree(d, kind))
		task_refuse(
			p->task, probe_object(p),
			arena_printf(dump_arena(d),
				     "is a descriptor of a %s namespace that the tree is not in",
				     ns_names[kind]),
			"close it before the dump");
	f->entry->nsf = e;
	e->id = f->entry->id;
	e->ns_id = root->ids ? id_of(root->ids, kind) : 0;
	e->ns_cflag = ns_clone_flag(kind);
	e->flags = p->info.flags & ~O_CLOEXEC;
	return 0;
}

/* --- restore -------------------------------------------------------------------------------------
 */

static int nsfile_check(struct restore *r, struct restore_file *f)
{
	const NsFileEntry *e = f->entry->nsf;
	enum ns_kind kind = e ? kind_of_flag(e->ns_cflag) : NO_KIND;
	const TaskKobjIdsEntry *ids = r->tasks[0]->ids;

	if (!e || e->id != f->id || kind == NO_KIND)
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "files.img: the entry of namespace descriptor %u makes no sense",
			       f->id);
	if (ids && id_of(ids, kind) != e->ns_id)
		report_refuse(&r->s->report, 0,
			      arena_printf(restore_arena(r), "descriptor %u", f->id),
			      arena_printf(restore_arena(r),
					   "is of a %s namespace that the tree is not in",
					   ns_names[kind]),
			      "");
	return 0;
}

static int nsfile_open(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	const NsFileEntry *e = f->entry->nsf;
	const char *path = arena_printf(restore_arena(t->r), "/proc/self/ns/%s",
					ns_names[kind_of_flag(e->ns_cflag)]);

	*ret_fd = open(path, (e->flags & STATUS_FLAGS) | O_RDONLY | O_CLOEXEC);
	return *ret_fd < 0 ? err_sys(restore_err(t->r), "open",
				     "can't open %s for namespace descriptor %u", path, f->id)
			   : 0;
}

const struct file_class nsfile_class = {
	.name = "namespace descriptor",
	.type = FD_TYPES__NS,
	.match = nsfile_match,
	.collect = nsfile_collect,
	.check = nsfile_check,
	.open = nsfile_open,
};
