/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads share root, working directory and umask (struct fs_struct): kcmp must say so after
 * the restore, and a change in one be seen in the other. Descriptors, memory, handlers and
 * semaphore undo lists likewise.
 *
 *	wl: areas   threads
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "kcmp.h"

#include <string.h>
#include <sys/stat.h>

static void change(void *arg)
{
	(void)arg;
	wl_try(chdir("/"));
	umask(0123);
}

int main(void)
{
	pid_t tid = wl_actor_thread(NULL, change, NULL);
	char cwd[64];

	wl_ready_and_wait();
	wl_check(kcmp_same(getpid(), tid, KCMP_FS));
	wl_check(kcmp_same(getpid(), tid, KCMP_FILES));
	wl_check(kcmp_same(getpid(), tid, KCMP_VM));
	wl_check(kcmp_same(getpid(), tid, KCMP_SIGHAND));
	wl_check(kcmp_same(getpid(), tid, KCMP_SYSVSEM));
	wl_actors_finish();
	wl_check(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, "/"));
	wl_check_eq(umask(0), 0123);
	wl_pass();
}
