/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gs base, set by arch_prctl in leader and thread (the fs base is the C library's own).
 *
 *	wl: areas   arch threads
 *	wl: flavours host user ns userns
 *	wl: needs   x86_64
 */
#define _GNU_SOURCE
#include "workload.h"

#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t words[2] = { 0x1234567812345678, 0x8765432187654321 };

static void set(void *arg)
{
	wl_try(syscall(SYS_arch_prctl, ARCH_SET_GS, arg));
}

static void check(void *arg)
{
	uint64_t base, word;

	wl_try(syscall(SYS_arch_prctl, ARCH_GET_GS, &base));
	wl_check_eq(base, (uintptr_t)arg);
	__asm__ volatile("movq %%gs:0, %0" : "=r"(word));
	wl_check_eq(word, *(uint64_t *)arg);
	wl_try(syscall(SYS_arch_prctl, ARCH_GET_FS, &base));
	wl_check_eq(base, (uintptr_t)__builtin_thread_pointer());
}

int main(void)
{
	wl_actor_thread(set, check, &words[1]);
	set(&words[0]);
	wl_ready_and_wait();
	check(&words[0]);
	wl_actors_finish();
	wl_pass();
}
