/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interrupted System V calls: semop, semtimedop with a limit, msgrcv of an empty queue, msgsnd
 * to a full one. The kernel itself gives EINTR for semaphores in any tracing stop.
 *
 *	wl: areas   signals sysv-ipc
 *	wl: flavours host user
 *	wl: idle
 */
#define _GNU_SOURCE
#include "restart.h"

#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>

static int sem, empty, full;

struct message {
	long type;
	char text[64];
};

static long do_semop(void)
{
	struct sembuf op = { .sem_num = 0, .sem_op = -1 };

	return syscall(SYS_semop, sem, &op, 1UL);
}

static long do_semtimedop(void)
{
	struct sembuf op = { .sem_num = 1, .sem_op = -1 };
	struct timespec time = { RESTART_SECONDS, 0 };

	return syscall(SYS_semtimedop, sem, &op, 1UL, &time);
}

static long do_msgrcv(void)
{
	struct message message;

	return syscall(SYS_msgrcv, empty, &message, sizeof(message.text), 5L, 0);
}

static long do_msgsnd(void)
{
	struct message message = { .type = 9, .text = "last" };

	return syscall(SYS_msgsnd, full, &message, sizeof(message.text), 0);
}

static struct restart list[] = {
	RESTART("semop", SYS_semop, do_semop, 0, false),
	RESTART("msgrcv", SYS_msgrcv, do_msgrcv, 17, false),
	RESTART("msgsnd", SYS_msgsnd, do_msgsnd, 0, false),
	{ 0 },
};

static struct restart limited[] = {
	RESTART("semtimedop", SYS_semtimedop, do_semtimedop, -EAGAIN, true),
	{ 0 },
};

int main(void)
{
	struct message message = { .type = 5 };
	struct sembuf op = { .sem_num = 0, .sem_op = 1 };
	int64_t now;

	sem = wl_try(semget(IPC_PRIVATE, 2, 0600));
	empty = wl_try(msgget(IPC_PRIVATE, 0600));
	full = wl_try(msgget(IPC_PRIVATE, 0600));
	while (msgsnd(full, &message, sizeof(message.text), IPC_NOWAIT) == 0)
		continue;
	wl_check_eq(errno, EAGAIN);
	restart_begin(list);
	restart_begin(limited);
	wl_ready_and_wait();
	now = wl_now(CLOCK_MONOTONIC);
	restart_still(list);
	wl_try(semop(sem, &op, 1));
	wl_try(msgsnd(empty, &message, 17, 0));
	wl_check_eq(msgrcv(full, &message, sizeof(message.text), 0, 0), 64);
	restart_end(list, now);
	restart_end(limited, now);
	wl_try(semctl(sem, 0, IPC_RMID));
	wl_try(msgctl(empty, IPC_RMID, NULL));
	wl_try(msgctl(full, IPC_RMID, NULL));
	wl_pass();
}
