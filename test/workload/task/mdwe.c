/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory-deny-write-execute (Linux 6.3; not inherited variant: 6.7): the attribute, and that
 * the kernel goes on refusing. The second child has an executable area that was writable
 * before, as a JIT has.
 *
 *	wl: areas   task
 *	wl: needs   kernel:6.3
 *	wl: flavours host user ns userns
 *	wl: crossing none CRIU keeps no memory-deny-write-execute
 */
#define _GNU_SOURCE
#include "workload.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#endif
#define REFUSE_EXEC_GAIN 1UL
#define NO_INHERIT	 2UL

#ifdef __aarch64__
static const unsigned char ret[] = { 0xc0, 0x03, 0x5f, 0xd6 };
#else
static const unsigned char ret[] = { 0xc3 };
#endif

static char *code;

static void set(void *arg)
{
	code = wl_try(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	memcpy(code, ret, sizeof(ret));
	__builtin___clear_cache(code, code + sizeof(ret));
	wl_try(mprotect(code, 4096, PROT_READ | PROT_EXEC));
	wl_try(prctl(PR_SET_MDWE, *(unsigned long *)arg, 0, 0, 0));
}

static void check(void *arg)
{
	char *page;

	wl_check_eq(prctl(PR_GET_MDWE, 0, 0, 0, 0), *(unsigned long *)arg);
	((void (*)(void))code)();
	page = wl_try(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	wl_check_eq(mprotect(page, 4096, PROT_READ | PROT_EXEC), -1);
	wl_check_eq(errno, EACCES);
	wl_check(mmap(NULL, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
		 MAP_FAILED);
	wl_check_eq(errno, EACCES);
}

int main(void)
{
	static unsigned long plain = REFUSE_EXEC_GAIN, own = REFUSE_EXEC_GAIN | NO_INHERIT;

	wl_actor_fork(set, check, &plain);
	wl_actor_fork(set, check, &own);
	wl_ready_and_wait();
	wl_check_eq(prctl(PR_GET_MDWE, 0, 0, 0, 0), 0);
	wl_actors_finish();
	wl_pass();
}
