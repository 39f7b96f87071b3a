/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leader and thread with different users and groups, set by raw system calls (glibc would
 * change all threads); afterwards each has its own, and condition variables between them work.
 *
 *	wl: areas   threads creds
 *	wl: flavours host ns
 *	wl: crossing to CRIU needs CAP_SYS_RESOURCE for limits of another user's task
 */
#define _GNU_SOURCE
#include "workload.h"

#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn;
static bool go;

static void set_ids(unsigned int uid, unsigned int gid)
{
	unsigned int groups[] = { gid, gid + 1 };

	wl_try(syscall(SYS_setgroups, 2, groups));
	wl_try(syscall(SYS_setresgid, gid, gid, gid));
	wl_try(syscall(SYS_setresuid, uid, uid, uid));
}

static void check_ids(unsigned int uid, unsigned int gid)
{
	char *path = wl_format("/proc/self/task/%d/status", gettid());
	char *uids = wl_format("%u\t%u\t%u\t%u", uid, uid, uid, uid);
	char *gids = wl_format("%u\t%u\t%u\t%u", gid, gid, gid, gid);
	char *groups = wl_format("%u %u ", gid, gid + 1);

	wl_check_text("uids", wl_field(path, "Uid"), uids);
	wl_check_text("gids", wl_field(path, "Gid"), gids);
	wl_check_text("groups", wl_field(path, "Groups"), groups);
	wl_check_eq(syscall(SYS_getuid), uid);
	wl_check_eq(syscall(SYS_getegid), gid);
}

static void pass_turn(int from)
{
	pthread_mutex_lock(&lock);
	while (turn != from || (from == 2 && !go))
		pthread_cond_wait(&changed, &lock);
	turn = from + 1;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void *other(void *arg)
{
	(void)arg;
	set_ids(99, 99);
	pass_turn(0);
	pass_turn(2);
	check_ids(99, 99);
	return NULL;
}

int main(void)
{
	pthread_t thread;

	wl_check_eq(pthread_create(&thread, NULL, other, NULL), 0);
	pass_turn(1);
	/* The other user must be able to make the ready file. */
	wl_try(chmod(".", 0777));
	set_ids(12, 8);
	wl_ready_and_wait();
	check_ids(12, 8);
	pthread_mutex_lock(&lock);
	go = true;
	pthread_cond_broadcast(&changed);
	while (turn != 3)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	wl_check_eq(pthread_join(thread, NULL), 0);
	wl_pass();
}
