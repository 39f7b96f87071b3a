/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aarch64: code that is guarded against branches to anywhere (PROT_BTI): an indirect call of its
 * landing place works, one behind that is SIGILL. Of memory that is private, of a memfd and of a
 * file.
 *
 *	wl: areas   arch memory
 *	wl: crossing to CRIU does not see which memory is guarded
 *	wl: flavours host user ns userns
 *	wl: needs   aarch64 feature:bti
 *	wl: cycles  2
 */
#define _GNU_SOURCE
#include "workload.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PROT_GUARDED 0x10

typedef int function(void);

static const uint32_t text[] = {
	0xd503245f, /* bti c */
	0x528000e0, /* mov w0, #7 */
	0xd65f03c0, /* ret */
};

static sigjmp_buf back;

static void caught(int signo)
{
	siglongjmp(back, signo);
}

/* A call by a register that is neither x16 nor x17. */
static int call(const void *at)
{
	register function *f __asm__("x9") = (function *)(uintptr_t)at;
	register int ret __asm__("w0");

	__asm__ volatile("blr %1" : "=r"(ret) : "r"(f) : "x30", "memory");
	return ret;
}

static void check(const char *name, const char *at)
{
	int signo;

	if (!wl_vma_flag(at, "bt"))
		wl_fail("%s: is not guarded", name);
	wl_check_eq(call(at), 7);
	signo = sigsetjmp(back, 1);
	if (!signo)
		wl_fail("%s: a branch to anywhere gave %d", name, call(at + 4));
	wl_check_eq(signo, SIGILL);
}

static const char *map(int fd)
{
	wl_check_eq(write(fd, text, sizeof(text)), sizeof(text));
	return wl_try(mmap(NULL, 4096, PROT_READ | PROT_EXEC | PROT_GUARDED, MAP_PRIVATE, fd, 0));
}

int main(void)
{
	const char *of_memfd = map(wl_try(memfd_create("code", MFD_CLOEXEC)));
	const char *of_file = map(wl_try(open("code", O_RDWR | O_CREAT | O_CLOEXEC, 0600)));
	char *anon = wl_try(
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	memcpy(anon, text, sizeof(text));
	__builtin___clear_cache(anon, anon + sizeof(text));
	wl_try(mprotect(anon, 4096, PROT_READ | PROT_EXEC | PROT_GUARDED));
	signal(SIGILL, caught);
	check("anonymous, before", anon);
	wl_ready_and_wait();
	check("anonymous", anon);
	check("of a memfd", of_memfd);
	check("of a file", of_file);
	wl_pass();
}
