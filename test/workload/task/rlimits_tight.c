/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits that hinder whoever works inside of the process: no room in files, no descriptor
 * above those that are open, no locked memory, no queued signal, a small address space, no
 * further process. The dump must not be seen by them, and they must be the same afterwards.
 *
 *	wl: areas   task
 *	wl: flavours host user ns userns
 *	wl: crossing none CRIU restores with descriptors of its own, more than the limit allows
 */
#define _GNU_SOURCE
#include "workload.h"

#include <sys/resource.h>
#include <unistd.h>

static const struct {
	int resource;
	rlim_t value;
} tight[] = {
	{ RLIMIT_FSIZE, 0 },	  { RLIMIT_NOFILE, 3 },	    { RLIMIT_MEMLOCK, 0 },
	{ RLIMIT_SIGPENDING, 0 }, { RLIMIT_NPROC, 1 },	    { RLIMIT_CORE, 0 },
	{ RLIMIT_MSGQUEUE, 0 },	  { RLIMIT_DATA, 1 << 20 }, { RLIMIT_STACK, 1 << 18 },
};

static rlim_t space;

static void set_up(void *arg)
{
	struct rlimit limit;

	(void)arg;
	space = wl_status(getpid(), "VmSize", 10) * 1024 + (64 << 10);
	limit = (struct rlimit){ space, space };
	wl_try(setrlimit(RLIMIT_AS, &limit));
	for (size_t i = 0; i < sizeof(tight) / sizeof(*tight); i++) {
		limit = (struct rlimit){ tight[i].value, tight[i].value };
		wl_try(setrlimit(tight[i].resource, &limit));
	}
}

static void check(void *arg)
{
	struct rlimit now;

	(void)arg;
	wl_try(getrlimit(RLIMIT_AS, &now));
	wl_check_eq(now.rlim_cur, space);
	wl_check_eq(now.rlim_max, space);
	for (size_t i = 0; i < sizeof(tight) / sizeof(*tight); i++) {
		wl_try(getrlimit(tight[i].resource, &now));
		if (now.rlim_cur != tight[i].value || now.rlim_max != tight[i].value)
			wl_fail("limit %d is %lld/%lld, expected %lld", tight[i].resource,
				(long long)now.rlim_cur, (long long)now.rlim_max,
				(long long)tight[i].value);
	}
}

int main(void)
{
	wl_actor_fork(set_up, check, NULL);
	wl_ready_and_wait();
	wl_actors_finish();
	wl_pass();
}
