/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Code made at run time, as a JIT compiler does: in memory that is writable and executable, in
 * memory that was made executable afterwards, and through two views of one memfd, of which one
 * can be written and the other executed. The code runs afterwards, and can be changed.
 *
 * wl: areas memory shm
 * wl: cycles 3
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "workload.h"

typedef int function(void);

/* A function that returns the value; run: where it is executed. */
static void emit(char *at, char *run, uint16_t value)
{
#ifdef __aarch64__
	const uint32_t code[] = { 0x52800000 | value << 5, 0xd65f03c0 }; /* mov w0, #value; ret */
#else
	const unsigned char code[] = { 0xb8, value, value >> 8, 0, 0, 0xc3 }; /* mov, ret */
#endif

	memcpy(at, code, sizeof(code));
	__builtin___clear_cache(run, run + sizeof(code));
}

static int call(const char *at)
{
	return ((function *)(uintptr_t)at)();
}

int main(void)
{
	const int write = PROT_READ | PROT_WRITE, anon = MAP_PRIVATE | MAP_ANONYMOUS;
	size_t page = getpagesize();
	int fd = wl_try(memfd_create("jit", MFD_CLOEXEC));
	char *both, *later, *view, *code;

	wl_try(ftruncate(fd, page));
	both = wl_try(mmap(NULL, page, write | PROT_EXEC, anon, -1, 0));
	later = wl_try(mmap(NULL, page, write, anon, -1, 0));
	view = wl_try(mmap(NULL, page, write, MAP_SHARED, fd, 0));
	code = wl_try(mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0));
	close(fd);
	emit(both, both, 1);
	emit(later, later, 2);
	emit(view, code, 3);
	wl_try(mprotect(later, page, PROT_READ | PROT_EXEC));
	wl_ready_and_wait();
	wl_check_eq(call(both), 1);
	wl_check_eq(call(later), 2);
	wl_check_eq(call(code), 3);
	emit(both, both, 11);
	emit(view, code, 13);
	wl_check_eq(call(both), 11);
	wl_check_eq(call(code), 13);
	wl_pass();
}
