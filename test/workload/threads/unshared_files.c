/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread with a table of descriptors of its own (unshare(CLONE_FILES)): a refusal that names
 * it, since the image format has one table for all threads.
 *
 *	wl: areas   threads files
 *	wl: flavours host user ns userns
 *	wl: expect  dump-refused CLONE_FILES
 */
#define _GNU_SOURCE
#include "kcmp.h"

#include <fcntl.h>
#include <sched.h>

static int own = -1;

static void set(void *arg)
{
	(void)arg;
	wl_try(unshare(CLONE_FILES));
	own = wl_try(open("/dev/null", O_RDONLY));
}

static void check(void *arg)
{
	(void)arg;
	wl_try(fcntl(own, F_GETFD));
	wl_check(!kcmp_same(getpid(), gettid(), KCMP_FILES));
}

int main(void)
{
	wl_actor_thread(set, check, NULL);
	wl_check_eq(fcntl(own, F_GETFD), -1);
	wl_ready_and_wait();
	wl_check_eq(fcntl(own, F_GETFD), -1);
	wl_actors_finish();
	wl_pass();
}
