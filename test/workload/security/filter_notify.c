/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A filter that asks a supervisor, who holds its notification descriptor in the tree: such a
 * filter can't be made twice with the same listener, so a refusal that names it is expected.
 *
 *	wl: areas   seccomp-lsm
 *	wl: flavours host user ns userns
 *	wl: expect  dump-refused seccomp
 */
#define _GNU_SOURCE
#include "filter.h"

#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>

static int listener;

static void *supervise(void *arg)
{
	struct seccomp_notif notif;
	struct seccomp_notif_resp response;

	(void)arg;
	memset(&notif, 0, sizeof(notif));
	/* A stop interrupts it, on some kernels for good. */
	while (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notif) < 0)
		wl_check_eq(errno, EINTR);
	response = (struct seccomp_notif_resp){ .id = notif.id, .val = 4321 };
	wl_try(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response));
	return NULL;
}

int main(void)
{
	pthread_t thread;

	wl_try(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	listener = wl_try(filter_install(SYS_getcpu, SECCOMP_RET_USER_NOTIF,
					 SECCOMP_FILTER_FLAG_NEW_LISTENER));
	wl_check_eq(pthread_create(&thread, NULL, supervise, NULL), 0);
	wl_ready_and_wait();
	wl_check_eq(syscall(SYS_getcpu, 0, 0, 0), 4321);
	wl_check_eq(pthread_join(thread, NULL), 0);
	wl_pass();
}
