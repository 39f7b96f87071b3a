/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three processes, one of them with a second thread, contend by a System V semaphore, with
 * SEM_UNDO, for shared memory, which they fill and check. Protection holds all through: nobody gets
 * in because the kernel has undone what the holder did when the dumped tree ended. Each also holds
 * a permit of its own of a second set, in three different numbers, all the time; and these are free
 * again when the holders have ended, not before.
 *
 * wl: areas sysv-ipc shm
 * wl: needs root sysvipc
 * wl: crossing none CRIU leaves out what is to be undone
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <unistd.h>

#include "workload.h"

enum { TAKERS = 3, PERMITS = 1000, SIZE = 4096 };

struct ground {
	volatile int go;
	volatile unsigned long rounds[TAKERS + 1];
	volatile char bytes[SIZE];
};

static struct ground *ground;
static int mutex, permits;

static void operate(int set, int number, int by)
{
	struct sembuf op = { (unsigned short)number, (short)by, SEM_UNDO };

	while (semop(set, &op, 1) < 0)
		wl_check(errno == EINTR);
}

static void *contend(void *arg)
{
	int who = (int)(long)arg;

	while (ground->go) {
		char with = (char)('a' + who);

		operate(mutex, 0, -1);
		for (int i = 0; i < SIZE; i++)
			ground->bytes[i] = with;
		for (int i = 0; i < SIZE; i++)
			wl_check(ground->bytes[i] == with);
		ground->rounds[who]++;
		operate(mutex, 0, 1);
	}
	return NULL;
}

static void check_permits(const int *held)
{
	for (int i = 0; i < TAKERS; i++)
		wl_check_eq(semctl(permits, i, GETVAL), PERMITS - held[i]);
}

int main(void)
{
	const int held[TAKERS] = { 1, 700, 42 }, none[TAKERS] = { 0 };
	unsigned long before[TAKERS + 1];
	pthread_t thread;
	pid_t pid[TAKERS];

	ground = wl_try(mmap(NULL, sizeof(*ground), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	mutex = wl_try(semget(IPC_PRIVATE, 1, IPC_CREAT | 0600));
	permits = wl_try(semget(IPC_PRIVATE, TAKERS, IPC_CREAT | 0600));
	wl_try(semctl(mutex, 0, SETVAL, 1));
	for (int i = 0; i < TAKERS; i++)
		wl_try(semctl(permits, i, SETVAL, PERMITS));
	ground->go = 1;
	for (int i = 0; i < TAKERS; i++) {
		pid[i] = wl_try(fork());
		if (pid[i])
			continue;
		operate(permits, i, -held[i]);
		if (i == 0)
			wl_check_eq(pthread_create(&thread, NULL, contend, (void *)(long)TAKERS),
				    0);
		contend((void *)(long)i);
		if (i == 0)
			pthread_join(thread, NULL);
		_exit(0);
	}
	for (int i = 0; i < TAKERS; i++)
		while (!ground->rounds[i] || semctl(permits, i, GETVAL) == PERMITS)
			usleep(1000);
	wl_ready_and_wait();
	check_permits(held);
	for (int i = 0; i <= TAKERS; i++)
		before[i] = ground->rounds[i];
	for (int i = 0; i <= TAKERS; i++)
		while (ground->rounds[i] == before[i])
			usleep(1000);
	ground->go = 0;
	for (int i = 0; i < TAKERS; i++)
		wl_reap(pid[i]);
	check_permits(none);
	wl_check_eq(semctl(mutex, 0, GETVAL), 1);
	wl_try(semctl(mutex, 0, IPC_RMID));
	wl_try(semctl(permits, 0, IPC_RMID));
	wl_pass();
}
