/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread with a working directory and a umask of its own (unshare(CLONE_FS)), which the
 * image format keeps per process only: the dump must be refused and say which it is, not
 * give the thread the leader's directory.
 *
 *	wl: areas   threads
 *	wl: flavours host user ns userns
 *	wl: expect  dump-refused CLONE_FS
 */
#define _GNU_SOURCE
#include "kcmp.h"

#include <sched.h>
#include <string.h>
#include <sys/stat.h>

static void set(void *arg)
{
	(void)arg;
	wl_try(unshare(CLONE_FS));
	wl_try(chdir("/"));
	umask(0123);
}

static void check(void *arg)
{
	char cwd[4096];

	(void)arg;
	wl_check(getcwd(cwd, sizeof(cwd)) && !strcmp(cwd, "/"));
	wl_check_eq(umask(0), 0123);
	wl_check(!kcmp_same(getpid(), gettid(), KCMP_FS));
}

int main(void)
{
	char before[4096], after[4096];

	umask(022);
	wl_check(getcwd(before, sizeof(before)) != NULL);
	wl_actor_thread(set, check, NULL);
	wl_ready_and_wait();
	wl_check(getcwd(after, sizeof(after)) != NULL);
	wl_check_text("directory", after, before);
	wl_check_eq(umask(022), 022);
	wl_actors_finish();
	wl_pass();
}
