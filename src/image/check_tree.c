/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of tasks and what each must have: pstree, core, ids, mm, fs. */
#include "image/check.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define TASK_ALIVE   1
#define TASK_DEAD    2
#define TASK_STOPPED 3

static int check_pids(struct verify *v, PstreeEntry *t)
{
	/* PID_MAX_LIMIT of the kernel is 4 Mi on 64 bits. */
	if (!t->pid || t->pid > 4 << 20)
		return check_fail(v, "pid", "%u is no process id", t->pid);
	if (hash_get(&v->tids, t->pid))
		return check_fail(v, "pid", "%u is there twice", t->pid);
	if (t->ppid && t->ppid == t->pid)
		return check_fail(v, "ppid", "%u is its own parent", t->pid);
	if (t->ppid && !hash_get(&v->tids, t->ppid))
		return check_fail(v, "ppid", "the parent %u of %u does not come before it", t->ppid,
				  t->pid);
	hash_put(&v->tids, t->pid, t);
	/* What CRIU writes for a zombie's only thread is garbage; see check_task. */
	for (size_t i = 1; i < t->n_threads; i++) {
		if (!t->threads[i] || t->threads[i] > 4 << 20)
			return check_fail(v, "threads", "%u is no thread id", t->threads[i]);
		if (hash_get(&v->tids, t->threads[i]))
			return check_fail(v, "threads", "%u is there twice", t->threads[i]);
		hash_put(&v->tids, t->threads[i], t);
	}
	return 0;
}

int check_load_tree(struct verify *v)
{
	unsigned roots = 0;
	int ret;

	v->name = "pstree.img";
	v->kind = IMAGE_PSTREE;
	if (!image_dir_has(v->dir, IMAGE_PSTREE, 0))
		return err_add_image(v->err, v->name,
				     err_set(v->err, ERR_IMAGE_MISSING, ENOENT,
					     "the image pstree.img is missing"));
	ret = image_read_all(v->dir, IMAGE_PSTREE, 0, &v->arena, v->err, &v->tasks, &v->n_tasks);
	if (ret)
		return ret;
	for (v->entry = 0; v->entry < v->n_tasks; v->entry++) {
		PstreeEntry *t = v->tasks[v->entry];

		roots += !t->ppid;
		ret = roots > 1 ? check_fail(v, "ppid", "%u is a second root", t->pid)
				: check_pids(v, t);
		if (ret)
			return ret;
	}
	return roots ? 0 : image_corrupt(v->err, v->name, "there is no root task (field ppid 0)");
}

static int check_signals(struct verify *v, const char *field, const SignalQueueEntry *queue)
{
	for (size_t i = 0; queue && i < queue->n_signals; i++)
		if (queue->signals[i]->siginfo.len != 128)
			return check_fail(v, field, "a siginfo has %zu bytes, not 128",
					  queue->signals[i]->siginfo.len);
	return 0;
}

static int check_task_core(struct verify *v, const TaskCoreEntry *tc)
{
	if (tc->task_state < TASK_ALIVE || tc->task_state > TASK_STOPPED)
		return check_fail(v, "tc.task_state", "%u is unknown", tc->task_state);
	if (strlen(tc->comm) > 15)
		return check_fail(v, "tc.comm", "it has more than 15 characters");
	if (tc->rlimits && tc->rlimits->n_rlimits > 16)
		return check_fail(v, "tc.rlimits", "there are %zu, the kernel has 16",
				  tc->rlimits->n_rlimits);
	/* 64 signals without SIGKILL and SIGSTOP; MIPS has 128. */
	if (tc->n_sigactions != 0 && tc->n_sigactions != 62 && tc->n_sigactions != 126)
		return check_fail(v, "tc.sigactions", "there are %zu, not 62", tc->n_sigactions);
	if (tc->has_stop_signo && (!tc->stop_signo || tc->stop_signo > 128))
		return check_fail(v, "tc.stop_signo", "%u is no signal", tc->stop_signo);
	return check_signals(v, "tc.signals_s", tc->signals_s);
}

static int check_creds(struct verify *v, const CredsEntry *c)
{
	if (!c->n_cap_inh || !c->n_cap_prm || !c->n_cap_eff || !c->n_cap_bnd)
		return check_fail(v, "thread_core.creds", "a set of capabilities is empty");
	if (c->n_groups > 65536) /* NGROUPS_MAX */
		return check_fail(v, "thread_core.creds.groups",
				  "there are %zu, the limit is 65536", c->n_groups);
	return 0;
}

static int check_thread_core(struct verify *v, const ThreadCoreEntry *t)
{
	int ret = check_signals(v, "thread_core.signals_p", t->signals_p);

	if (!ret && t->comm && strlen(t->comm) > 15)
		ret = check_fail(v, "thread_core.comm", "it has more than 15 characters");
	if (!ret && t->creds)
		ret = check_creds(v, t->creds);
	if (!ret && t->seccomp_mode == SECCOMP_MODE__filter && t->has_seccomp_filter &&
	    t->seccomp_filter >= v->n_filters)
		ret = check_fail(v, "thread_core.seccomp_filter", "%u, there are %zu filters",
				 t->seccomp_filter, v->n_filters);
	return ret;
}

static bool has_registers(const CoreEntry *core)
{
	switch (core->mtype) {
	case CORE_ENTRY__MARCH__X86_64:
		return core->thread_info;
	case CORE_ENTRY__MARCH__ARM:
		return core->ti_arm;
	case CORE_ENTRY__MARCH__AARCH64:
		return core->ti_aarch64;
	case CORE_ENTRY__MARCH__PPC64:
		return core->ti_ppc64;
	case CORE_ENTRY__MARCH__S390:
		return core->ti_s390;
	case CORE_ENTRY__MARCH__MIPS:
		return core->ti_mips;
	case CORE_ENTRY__MARCH__LOONGARCH64:
		return core->ti_loongarch64;
	case CORE_ENTRY__MARCH__RISCV64:
		return core->ti_riscv64;
	default:
		return false;
	}
}

int check_core(struct verify *v, const CoreEntry *core)
{
	const PstreeEntry *task = hash_get(&v->tids, v->key);
	int ret;

	if (task && task->pid == v->key && !core->tc)
		return check_fail(v, "tc", "it is missing, though %" PRIu64 " is a task", v->key);
	if (core->tc) {
		ret = check_task_core(v, core->tc);
		if (ret || core->tc->task_state == TASK_DEAD)
			return ret;
	}
	if (!core->thread_core)
		return check_fail(v, "thread_core", "it is missing");
	if (!has_registers(core))
		return check_fail(v, "thread_info", "the registers are missing");
	return check_thread_core(v, core->thread_core);
}

static int require(struct verify *v, enum image_kind kind, uint32_t key, uint32_t pid)
{
	char name[IMAGE_NAME_SIZE];

	if (image_dir_has(v->dir, kind, key))
		return 0;
	image_kind_file(kind, key, name);
	err_set(v->err, ERR_IMAGE_MISSING, ENOENT, "the image %s is missing", name);
	err_add_pid(v->err, pid, 0);
	return err_add_image(v->err, name, -ENOENT);
}

static int check_ids(struct verify *v, const PstreeEntry *t, const CoreEntry *core)
{
	const InventoryEntry *inventory = image_dir_inventory(v->dir);
	TaskKobjIdsEntry *ids = core->ids;
	int ret = 0;

	if (!ids) {
		ret = require(v, IMAGE_IDS, t->pid, t->pid);
		if (!ret)
			ret = image_read_one(v->dir, IMAGE_IDS, t->pid, &v->arena, v->err, &ids);
	}
	if (ret)
		return ret;
	if (!t->ppid && inventory->root_ids && ids->files_id == inventory->root_ids->files_id)
		return image_corrupt(v->err, "inventory.img",
				     "root_ids.files_id is that of the root task too (%u)",
				     ids->files_id);
	return 0;
}

static int check_task(struct verify *v, const PstreeEntry *t)
{
	CoreEntry *core;
	int ret;

	ret = require(v, IMAGE_CORE, t->pid, t->pid);
	if (!ret)
		ret = image_read_one(v->dir, IMAGE_CORE, t->pid, &v->arena, v->err, &core);
	if (ret || !core->tc || core->tc->task_state == TASK_DEAD)
		return ret;
	if (!t->n_threads || t->threads[0] != t->pid)
		return image_corrupt(v->err, "pstree.img",
				     "field threads: the first thread of %u is not its leader",
				     t->pid);
	for (size_t i = 1; i < t->n_threads && !ret; i++)
		ret = require(v, IMAGE_CORE, t->threads[i], t->pid);
	if (!ret)
		ret = require(v, IMAGE_MM, t->pid, t->pid);
	if (!ret)
		ret = require(v, IMAGE_FS, t->pid, t->pid);
	if (!ret)
		ret = require(v, IMAGE_PAGEMAP, t->pid, t->pid);
	return ret ? ret : check_ids(v, t, core);
}

int check_tasks(struct verify *v)
{
	int ret = 0;

	for (size_t i = 0; i < v->n_tasks && !ret; i++)
		ret = check_task(v, v->tasks[i]);
	return ret;
}
