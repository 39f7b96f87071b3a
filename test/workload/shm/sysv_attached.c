/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SysV segments, attached: one read-write by parent and child, one read-only, and one twice.
 * Host flavour has no ipc namespace of its own: the
 * segments belong to the host, are still there, and must be the ones attached after the restore.
 *
 * wl: areas shm sysv-ipc
 * wl: flavours host ns
 * wl: crossing none CRIU refuses segments outside of a dumped ipc namespace
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <unistd.h>

#include "workload.h"

enum { BOTH, READ_ONLY, TWICE, COUNT };

static int attached(int id)
{
	struct shmid_ds ds;

	wl_try(shmctl(id, IPC_STAT, &ds));
	return ds.shm_nattch;
}

int main(void)
{
	size_t size = 10 * getpagesize();
	char *at[COUNT], *again, *line;
	int id[COUNT];
	pid_t pid;

	for (int i = 0; i < COUNT; i++) {
		id[i] = wl_try(shmget(IPC_PRIVATE, size, IPC_CREAT | 0600));
		at[i] = wl_try(shmat(id[i], NULL, 0));
		wl_fill(at[i], size, i);
	}
	wl_try(shmdt(at[READ_ONLY]));
	at[READ_ONLY] = wl_try(shmat(id[READ_ONLY], NULL, SHM_RDONLY));
	again = wl_try(shmat(id[TWICE], NULL, 0));
	pid = wl_fork_awaited();
	if (pid == 0) {
		wl_try(shmdt(at[READ_ONLY]));
		wl_try(shmdt(at[TWICE]));
		wl_try(shmdt(again));
		wl_child_wait();
		wl_check(wl_matches(at[BOTH], size, BOTH));
		wl_fill(at[BOTH], size, 10);
		_exit(0);
	}
	wl_check_eq(attached(id[BOTH]), 2);
	line = wl_vma_line(at[BOTH]);
	wl_ready_and_wait();
	wl_check_eq(attached(id[BOTH]), 2);
	wl_check_eq(attached(id[READ_ONLY]), 1);
	wl_check_eq(attached(id[TWICE]), 2);
	wl_check(!strncmp(wl_vma_line(at[BOTH]), line, strcspn(line, " ") + 5));
	for (int i = 0; i < COUNT; i++)
		wl_check(wl_matches(at[i], size, i));
	again[0]++;
	wl_check_eq(at[TWICE][0], again[0]);
	wl_check(!wl_vma_flag(at[READ_ONLY], "wr"));
	wl_finish(pid);
	wl_check(wl_matches(at[BOTH], size, 10));
	wl_try(shmdt(again));
	for (int i = 0; i < COUNT; i++) {
		wl_try(shmdt(at[i]));
		wl_check_eq(attached(id[i]), 0);
		wl_try(shmctl(id[i], IPC_RMID, NULL));
	}
	wl_pass();
}
