/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters with flags (log, speculation allowed), of an unprivileged child with no_new_privs,
 * with a long program whose verdict depends on arguments.
 *
 *	wl: areas   seccomp-lsm
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "filter.h"

#define LENGTH 2000

/* getpriority(which, who): the errno is the distance of who from 0. */
static void install_long(void)
{
	static struct sock_filter code[LENGTH];
	struct sock_fprog program = { LENGTH, code };
	int n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, nr));
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpriority, 1, 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 offsetof(struct seccomp_data, args[1]));
	for (int who = 1; n + 3 <= LENGTH; who++) {
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, who, 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | who);
	}
	while (n < LENGTH)
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	wl_try(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG, &program));
}

static void set(void *arg)
{
	(void)arg;
	wl_try(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	install_long();
	wl_try(filter_install(SYS_chroot, SECCOMP_RET_ERRNO | 77, SECCOMP_FILTER_FLAG_SPEC_ALLOW));
}

static void check(void *arg)
{
	(void)arg;
	wl_check_eq(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	wl_check_eq(filter_count(), 2);
	for (int who = 1; who < 900; who += 111) {
		wl_check_eq(syscall(SYS_getpriority, 0, who), -1);
		wl_check_eq(errno, who);
	}
	wl_check_eq(chroot("/"), -1);
	wl_check_eq(errno, 77);
}

int main(void)
{
	wl_actor_fork(set, check, NULL);
	wl_ready_and_wait();
	wl_actors_finish();
	wl_pass();
}
