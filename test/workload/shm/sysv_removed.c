/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SysV segment that was removed while attached (SHM_DEST): the kernel frees it with the last
 * detach, thus with the dumped tree; its contents come back and parent and child share them.
 *
 * wl: areas shm sysv-ipc
 * wl: flavours host ns
 * wl: crossing none CRIU refuses segments outside of a dumped ipc namespace
 */
#define _GNU_SOURCE
#include <sys/ipc.h>
#include <sys/shm.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	size_t size = 4 * getpagesize();
	int id = wl_try(shmget(IPC_PRIVATE, size, IPC_CREAT | 0600));
	char *at = wl_try(shmat(id, NULL, 0));
	pid_t pid;

	wl_try(shmctl(id, IPC_RMID, NULL));
	wl_fill(at, size, 1);
	pid = wl_fork_awaited();
	if (pid == 0) {
		wl_child_wait();
		wl_check(wl_matches(at, size, 1));
		wl_fill(at, size, 2);
		_exit(0);
	}
	wl_ready_and_wait();
	wl_check(wl_matches(at, size, 1));
	wl_finish(pid);
	wl_check(wl_matches(at, size, 2));
	wl_try(shmdt(at));
	wl_pass();
}
