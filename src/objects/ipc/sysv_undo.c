/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be undone of operations on System V semaphores when a process ends (SEM_UNDO,
 * semop(2)).
 *
 * The semaphores of the tool's own ipc namespace are the machine's, and stay where they are. But
 * the kernel keeps for each process what to undo, shows it to nobody, and does it when the dumped
 * one is killed (exit_sem(), ipc/sem.c): a lock that it held is open then. So it is read in the
 * kernel's memory (struct sem_undo, of the list that the threads of a process share), and the
 * restored process does to each semaphore, with SEM_UNDO, what gives the same again: the lock is
 * its own as before. Where somebody else has taken it meanwhile, the restore is refused.
 *
 * kcmp(2) tells whether a process has such a list at all, by comparison with the tool, which has
 * none. Where the kernel's memory can't be read, those are named that have one and were the last to
 * operate on some semaphore (GETPID): processes of several threads are born with an empty list.
 */
#include <errno.h>
#include <linux/kcmp.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "objects/inside.h"
#include "objects/ipc/ipc.h"
#include "objects/restored.h"

#define SETS_MAX 65536 /* in a list; more than that is a list that changes while it is read */
#define OP_MAX	 32767 /* struct sembuf's sem_op */
#define SEMS_MAX 65536 /* in a set: the kernel's own bound on SEMMSL */

union semun {
	int val;
	struct semid_ds *buf;
	struct seminfo *info;
};

/* Of the run: who has operated on which set; made once, when the first task is asked. */
struct users {
	struct hash by_pid; /* pid as the tool sees it -> struct used */
	size_t n;
};

struct used {
	int id;
	uint32_t key;
};

static void add_set(struct dump *d, struct users *u, int id, const struct semid_ds *ds)
{
	for (unsigned long n = 0; n < ds->sem_nsems; n++) {
		int pid = semctl(id, n, GETPID);
		struct used *used;

		if (pid <= 0 || hash_get(&u->by_pid, pid))
			continue;
		used = arena_new(dump_arena(d), struct used);
		*used = (struct used){ id, ds->sem_perm.__key };
		hash_put(&u->by_pid, pid, used);
		u->n++;
	}
}

static const struct users *users_of(struct dump *d)
{
	struct users *u = d->priv[SLOT_SEMUSERS];
	struct seminfo info;
	int last;

	if (u)
		return u;
	u = d->priv[SLOT_SEMUSERS] = arena_new(dump_arena(d), struct users);
	session_own_hash(d->s, &u->by_pid);
	last = semctl(0, 0, SEM_INFO, (union semun){ .info = &info });
	for (int at = 0; at <= last; at++) {
		struct semid_ds ds = { 0 };
		int id = semctl(at, 0, SEM_STAT, (union semun){ .buf = &ds });

		if (id >= 0)
			add_set(d, u, id, &ds);
	}
	return u;
}

static bool has_undo_list(const struct dump_task *t)
{
	return syscall(SYS_kcmp, getpid(), t->stop->pid, KCMP_SYSVSEM, 0, 0) > 0;
}

/* --- the kernel's lists --------------------------------------------------------------------- */

enum place { TASK_SEM, SEM_LIST, LIST_HEAD, UNDO_NODE, UNDO_SET, UNDO_ADJUST, N_PLACES };

static const char *const places[N_PLACES] = {
	[TASK_SEM] = "task_struct.sysvsem",	 [SEM_LIST] = "sysv_sem.undo_list",
	[LIST_HEAD] = "sem_undo_list.list_proc", [UNDO_NODE] = "sem_undo.list_proc",
	[UNDO_SET] = "sem_undo.semid",		 [UNDO_ADJUST] = "sem_undo.semadj",
};

struct undo_lists {
	struct inside *inside;
	const int *at;
	bool in_place; /* the adjustments are an array at the structure's end, not a pointer to it */
};

static bool lists_open(struct dump *d, struct undo_lists *l)
{
	int size;

	*l = (struct undo_lists){ .inside = inside_kernel(d) };
	l->at = l->inside ? inside_offsets(d, places, N_PLACES) : NULL;
	if (!l->at)
		return false;
	size = btf_size(l->inside->types, "sem_undo");
	l->in_place = size - l->at[UNDO_ADJUST] < (int)sizeof(uint64_t);
	return size > 0;
}

/* One struct sem_undo. 0 or -errno; a set that is not there any more has nothing to undo. */
static int add_undo(struct dump_task *t, struct undo_lists *l, uint64_t undo)
{
	struct kmem *k = &l->inside->memory;
	struct arena *a = dump_arena(t->dump);
	uint64_t from = undo + (uint64_t)l->at[UNDO_ADJUST];
	CrtoolsSemaphoreUndo *e;
	struct semid_ds ds = { 0 };
	int16_t *adjust;
	int32_t set;
	int ret = kmem_read(k, undo + (uint64_t)l->at[UNDO_SET], &set, sizeof(set));

	if (ret < 0)
		return ret;
	if (set < 0 || semctl(set, 0, IPC_STAT, (union semun){ .buf = &ds }) < 0)
		return 0;
	if (!l->in_place)
		from = kmem_pointer(k, undo, l->at[UNDO_ADJUST]);
	adjust = arena_alloc(a, ds.sem_nsems * sizeof(*adjust));
	ret = kmem_read(k, from, adjust, ds.sem_nsems * sizeof(*adjust));
	if (ret < 0)
		return ret;
	e = arena_msg(a, CrtoolsSemaphoreUndo, crtools_semaphore_undo);
	e->has_set = e->has_key = true;
	e->set = (uint32_t)set;
	e->key = (uint32_t)ds.sem_perm.__key;
	for (uint32_t i = 0; i < ds.sem_nsems; i++) {
		if (!adjust[i])
			continue;
		arena_push(a, e->number, e->n_number, i);
		arena_push(a, e->adjust, e->n_adjust, adjust[i]);
	}
	if (e->n_number)
		arena_push(a, t->extra->semaphore_undo, t->extra->n_semaphore_undo, e);
	return 0;
}

/* All of a process; 0 or -errno. */
static int read_lists(struct dump_task *t)
{
	struct undo_lists l;
	uint64_t list, node;
	int ret = 0;

	if (!lists_open(t->dump, &l))
		return -ENOENT;
	list = kmem_task(&l.inside->memory, t->stop->pidfd);
	list = list ? kmem_pointer(&l.inside->memory, list + (uint64_t)l.at[TASK_SEM],
				   l.at[SEM_LIST])
		    : 0;
	if (!list)
		return -ESRCH;
	list += (uint64_t)l.at[LIST_HEAD];
	node = kmem_pointer(&l.inside->memory, list, 0);
	for (int n = 0; ret == 0 && node != list; n++) {
		ret = node && n < SETS_MAX ? add_undo(t, &l, node - (uint64_t)l.at[UNDO_NODE])
					   : -EFAULT;
		node = kmem_pointer(&l.inside->memory, node, 0);
	}
	return ret;
}

/* --- dump ----------------------------------------------------------------------------------- */

/* A thread that was born, or made itself (unshare), without the others' list. */
static bool threads_differ(const struct dump_task *t)
{
	for (size_t i = 1; i < t->n_threads; i++)
		if (syscall(SYS_kcmp, t->stop->threads[0].tid, t->stop->threads[i].tid,
			    KCMP_SYSVSEM, 0, 0) > 0)
			return true;
	return false;
}

static int undo_collect(struct dump_task *t)
{
	struct dump *d = t->dump;
	const struct users *u = t->zombie ? NULL : users_of(d);
	const struct used *used = u && u->n ? hash_get(&u->by_pid, t->stop->pid) : NULL;
	bool apart = u && u->n && t->n_threads > 1 && threads_differ(t);

	if (!u || !u->n || (!apart && !has_undo_list(t)))
		return 0;
	if ((read_lists(t) < 0 || apart) && used)
		task_warn(
			t,
			arena_printf(dump_arena(d), "semaphore set %d (key 0x%08x)", used->id,
				     used->key),
			apart ? "a thread has a list of its own of what is to be undone of "
				"semaphore operations (SEM_UNDO): the kernel does it when the dumped "
				"tree ends, and the restored thread has nothing to undo"
			      : "what the task has done to it with SEM_UNDO, the kernel undoes when "
				"the dumped tree ends, and shows in its memory alone, which can't be "
				"read: the restored task has nothing to undo",
			apart ? "dump while it holds no semaphore"
			      : "dump while it holds no semaphore, or with CAP_SYS_ADMIN on a kernel "
				"with BPF and BTF");
	return 0;
}

/* --- restore -------------------------------------------------------------------------------- */

static bool is_there(const struct restore_task *t, const CrtoolsSemaphoreUndo *e)
{
	const CrtoolsManifestEntry *m = image_dir_manifest(t->r->s->images);
	struct semid_ds ds = { 0 };
	char boot[40];

	return m && m->boot_id && boot_id(boot) == 0 && strcmp(boot, m->boot_id) == 0 &&
	       semctl((int)e->set, 0, IPC_STAT, (union semun){ .buf = &ds }) == 0 &&
	       (uint32_t)ds.sem_perm.__key == e->key;
}

static void check_semaphore(struct restore_task *t, const CrtoolsSemaphoreUndo *e, size_t i)
{
	struct arena *a = restore_arena(t->r);
	int value = semctl((int)e->set, (int)e->number[i], GETVAL);
	int pid = semctl((int)e->set, (int)e->number[i], GETPID);

	if (value < 0 || value >= e->adjust[i])
		return;
	restored_refuse(
		t,
		arena_printf(a, "semaphore %u of set %u (key 0x%08x)", e->number[i], e->set,
			     e->key),
		arena_printf(a,
			     "the process held %d of it (SEM_UNDO), and %d are free: process "
			     "%d was the last to take some",
			     e->adjust[i], value, pid),
		"Restore when it is free again");
}

static int undo_check(struct restore_task *t)
{
	for (size_t i = 0; t->extra && i < t->extra->n_semaphore_undo; i++) {
		const CrtoolsSemaphoreUndo *e = t->extra->semaphore_undo[i];

		if (e->n_number != e->n_adjust || e->n_number > SEMS_MAX || e->set > INT32_MAX)
			return image_bad(t, IMAGE_CRTOOLS_TASK, t->vpid,
					 "semaphore set %u: %zu semaphores with %zu adjustments",
					 e->set, e->n_number, e->n_adjust);
		for (size_t n = 0; n < e->n_number; n++)
			if (e->number[n] >= SEMS_MAX || e->adjust[n] < -OP_MAX - 1 ||
			    e->adjust[n] > OP_MAX)
				return image_bad(t, IMAGE_CRTOOLS_TASK, t->vpid,
						 "semaphore %u of set %u: an adjustment by %d",
						 e->number[n], e->set, e->adjust[n]);
		if (!is_there(t, e))
			restored_warn(t,
				      arena_printf(restore_arena(t->r),
						   "semaphore set %u (key 0x%08x)", e->set, e->key),
				      "is not there any more: what was to be undone of the task's "
				      "operations on it is left out",
				      NULL);
		else
			for (size_t n = 0; n < e->n_number; n++)
				check_semaphore(t, e, n);
	}
	return 0;
}

/* What the kernel adds when the process ends is what the process takes now. */
static int take(struct restore_task *t, const CrtoolsSemaphoreUndo *e, size_t i)
{
	int left = -e->adjust[i];

	while (left) {
		int part = left > OP_MAX ? OP_MAX : left;
		struct sembuf op = { .sem_num = (unsigned short)e->number[i],
				     .sem_op = (short)part,
				     .sem_flg = SEM_UNDO | IPC_NOWAIT };

		if (semop((int)e->set, &op, 1) < 0)
			return err_set(restore_err(t->r), ERR_KERNEL, errno,
				       "semaphore %u of set %u (key 0x%08x): can't take %d as the "
				       "dumped process had%s",
				       e->number[i], e->set, e->key, e->adjust[i],
				       errno == EAGAIN
					       ? "; somebody has taken it meanwhile: restore "
						 "when it is free again"
					       : "");
		left -= part;
	}
	return 0;
}

static int undo_prepare(struct restore_task *t)
{
	for (size_t i = 0; t->extra && i < t->extra->n_semaphore_undo; i++) {
		const CrtoolsSemaphoreUndo *e = t->extra->semaphore_undo[i];
		bool there = is_there(t, e);
		int ret = 0;

		for (size_t n = 0; there && ret == 0 && n < e->n_number; n++)
			ret = take(t, e, n);
		if (ret < 0)
			return ret;
	}
	return 0;
}

const struct state_class sysv_undo_state = {
	.name = "semaphore operations to undo",
	.collect = undo_collect,
	.examine = undo_collect,
	.check = undo_check,
	.prepare = undo_prepare,
};
