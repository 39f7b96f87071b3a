/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids of kernel objects that tasks may share (task_kobj_ids_entry): memory, descriptor table, fs
 * struct, signal handlers, namespaces. Who shares with whom is asked with kcmp(2), sorted, so that
 * the calls grow with n log n. Only descriptor tables may be shared by different processes.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "engine/dump/dump.h"
#include "kernel/kcmp.h"
#include "kernel/ns.h"
#include "kernel/proc/task.h"

static uint32_t *kobj_field(TaskKobjIdsEntry *ids, enum kcmp_type type)
{
	switch (type) {
	case KCMP_T_VM:
		return &ids->vm_id;
	case KCMP_T_FILES:
		return &ids->files_id;
	case KCMP_T_FS:
		return &ids->fs_id;
	default:
		return &ids->sighand_id;
	}
}

static const char *kobj_name(enum kcmp_type type)
{
	switch (type) {
	case KCMP_T_VM:
		return "address space";
	case KCMP_T_FS:
		return "fs struct (working directory, root, umask)";
	default:
		return "table of signal handlers";
	}
}

static int number_objects(struct dump *d, enum kcmp_type type)
{
	struct arena *a = dump_arena(d);
	struct kcmp_ref *refs = arena_array(a, struct kcmp_ref, d->n_tasks);
	size_t n = 0;
	int ret;

	for (size_t i = 0; i < d->n_tasks; i++)
		if (!d->tasks[i]->zombie)
			refs[n++] = (struct kcmp_ref){ .pid = d->tasks[i]->threads[0].stop->tid,
						       .index = i };
	ret = kcmp_sort(refs, n, type, dump_err(d));
	if (ret < 0)
		return ret;
	for (size_t k = 0; k < n; k++) {
		struct dump_task *t = d->tasks[refs[k].index];
		struct dump_task *same =
			k && refs[k].class == refs[k - 1].class ? d->tasks[refs[k - 1].index]
								: NULL;
		uint32_t *id = kobj_field(t->ids, type);

		*id = same ? *kobj_field(same->ids, type) : ++d->next_kobj_id;
		if (same && type != KCMP_T_FILES)
			task_refuse(t, arena_printf(a, "its %s", kobj_name(type)),
				    arena_printf(a,
						 "is shared with process %d (clone without "
						 "CLONE_THREAD)",
						 same->vpid),
				    "");
	}
	return 0;
}

struct ns_number {
	uint32_t ino, id;
};

static const enum ns_kind order[] = { NS_PID,  NS_NET, NS_IPC,	NS_UTS,
				      NS_TIME, NS_MNT, NS_USER, NS_CGROUP };

static void set_ns_id(TaskKobjIdsEntry *ids, enum ns_kind kind, uint32_t id)
{
	switch (kind) {
	case NS_PID:
		ids->has_pid_ns_id = true;
		ids->pid_ns_id = id;
		break;
	case NS_NET:
		ids->has_net_ns_id = true;
		ids->net_ns_id = id;
		break;
	case NS_IPC:
		ids->has_ipc_ns_id = true;
		ids->ipc_ns_id = id;
		break;
	case NS_UTS:
		ids->has_uts_ns_id = true;
		ids->uts_ns_id = id;
		break;
	case NS_TIME:
		ids->has_time_ns_id = true;
		ids->time_ns_id = id;
		break;
	case NS_MNT:
		ids->has_mnt_ns_id = true;
		ids->mnt_ns_id = id;
		break;
	case NS_USER:
		ids->has_user_ns_id = true;
		ids->user_ns_id = id;
		break;
	default:
		ids->has_cgroup_ns_id = true;
		ids->cgroup_ns_id = id;
		break;
	}
}

/* The tool's own namespaces have the first numbers (FORMAT: inventory.root_ids). */
static int number_own(struct dump *d, TaskKobjIdsEntry *root_ids, struct ns_number *own)
{
	int ret = ns_self(&d->own_ns, dump_err(d));

	if (ret < 0)
		return ret;
	for (size_t k = 0; k < ARRAY_SIZE(order); k++) {
		own[order[k]] = (struct ns_number){ d->own_ns.ino[order[k]], 0 };
		if (!d->own_ns.ino[order[k]])
			continue;
		own[order[k]].id = ++d->next_ns_id;
		set_ns_id(root_ids, order[k], own[order[k]].id);
	}
	return 0;
}

/* A tree may have a time namespace of its own, one for all of it. */
static bool takes_time_ns(struct dump_task *t, uint32_t ino)
{
	struct dump *d = t->dump;

	if (t == d->tasks[0]) {
		d->time_ns_ino = ino;
		d->time_ns_id = ++d->next_ns_id;
	}
	if (!d->time_ns_id || d->time_ns_ino != ino)
		return false;
	set_ns_id(t->ids, NS_TIME, d->time_ns_id);
	return true;
}

static void number_task(struct dump_task *t, const struct ns_number *own)
{
	struct arena *a = dump_arena(t->dump);
	const struct proc_ns *ns = &t->ns;
	for (size_t k = 0; k < ARRAY_SIZE(order); k++) {
		enum ns_kind kind = order[k];

		if (!ns->ino[kind])
			continue;
		set_ns_id(t->ids, kind, own[kind].id);
		if (kind == NS_TIME && t->dump->time_ns_id && ns->ino[kind] == own[kind].ino)
			task_refuse(t, "its time namespace", "is not that of the tree's root", "");
		else if (ns->ino[kind] != own[kind].ino &&
			 !(kind == NS_TIME && takes_time_ns(t, ns->ino[kind])))
			task_refuse(
				t,
				arena_printf(a, "%s namespace %u", ns_names[kind], ns->ino[kind]),
				"is not the tool's own; trees in namespaces of their own can't be "
				"kept by this version",
				"run crtools in that namespace (nsenter)");
	}
}

int collect_kobjs(struct dump *d)
{
	static const enum kcmp_type types[] = { KCMP_T_VM, KCMP_T_FILES, KCMP_T_FS,
						KCMP_T_SIGHAND };
	struct ns_number own[NS_KINDS] = { 0 };
	struct arena *a = dump_arena(d);
	int ret;

	d->inventory = arena_msg(a, InventoryEntry, inventory_entry);
	d->inventory->root_ids = arena_msg(a, TaskKobjIdsEntry, task_kobj_ids_entry);
	/* Ids that no task has: the tool's own objects. */
	for (size_t k = 0; k < ARRAY_SIZE(types); k++)
		*kobj_field(d->inventory->root_ids, types[k]) = ++d->next_kobj_id;
	ret = number_own(d, d->inventory->root_ids, own);
	for (size_t i = 0; ret == 0 && i < d->n_tasks; i++) {
		if (d->tasks[i]->zombie)
			continue;
		d->tasks[i]->ids = arena_msg(a, TaskKobjIdsEntry, task_kobj_ids_entry);
		number_task(d->tasks[i], own);
	}
	for (size_t k = 0; ret == 0 && k < ARRAY_SIZE(types); k++)
		ret = number_objects(d, types[k]);
	return ret;
}
