/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of a child that has inherited a removed System V segment, as fio's jobs have: the restore
 * has memory at hand for such a segment that its tasks inherit, and the ring comes to its place
 * beside that.
 *
 *	wl: areas    aio-uring-bpf shm
 *	wl: libs     -luring
 *	wl: needs    io_uring kernel:5.16 sysvipc
 *	wl: crossing none CRIU knows no io_uring
 *	wl: cycles   6
 */
#define _GNU_SOURCE
#include <sys/ipc.h>
#include <sys/shm.h>

#include "ring.h"

#define SIZE (1500 << 10)

int main(void)
{
	int id = wl_try(shmget(IPC_PRIVATE, SIZE, IPC_CREAT | 0600));
	char *segment = wl_try(shmat(id, NULL, 0));
	pid_t pid;

	wl_try(shmctl(id, IPC_RMID, NULL));
	wl_fill(segment, SIZE, 1);
	pid = wl_fork_awaited();
	if (pid == 0) {
		struct io_uring ring;

		ring_new(&ring, 16, 0);
		ring_drive(&ring, 7);
		wl_child_wait();
		ring_drive(&ring, 300);
		wl_check(wl_matches(segment, SIZE, 1));
		wl_fill(segment, SIZE, 2);
		_exit(0);
	}
	wl_ready_and_wait();
	wl_finish(pid);
	wl_check(wl_matches(segment, SIZE, 2));
	wl_pass();
}
