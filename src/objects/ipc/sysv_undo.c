/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be undone of operations on System V semaphores when a task ends (SEM_UNDO, semop(2)).
 *
 * The semaphores of the tool's own ipc namespace are the machine's, and stay where they are. But
 * the kernel keeps for each task what to undo, shows it to nobody, and does it when the dumped task
 * is killed (exit_sem(), ipc/sem.c): a lock that it holds is open then, and the restored task has
 * nothing to undo. That can only be told.
 *
 * kcmp(2) tells whether a task has a list of things to undo at all, by comparison with the tool,
 * which has none. Threads are born with one; so only those tasks are named that were the last to
 * operate on some semaphore (GETPID).
 */
#include <linux/kcmp.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "objects/ipc/ipc.h"

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
		struct semid_ds ds;
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

static int undo_collect(struct dump_task *t)
{
	struct dump *d = t->dump;
	const struct users *u = t->zombie ? NULL : users_of(d);
	const struct used *used = u && u->n ? hash_get(&u->by_pid, t->stop->pid) : NULL;

	if (used && has_undo_list(t))
		task_warn(
			t,
			arena_printf(dump_arena(d), "semaphore set %d (key 0x%08x)", used->id,
				     used->key),
			"what the task has done to it with SEM_UNDO, the kernel undoes when the "
			"dumped tree ends, and does not show: the restored task has nothing to undo",
			"dump while it holds no semaphore");
	return 0;
}

const struct state_class sysv_undo_state = {
	.name = "semaphore operations to undo",
	.collect = undo_collect,
	.examine = undo_collect,
};
