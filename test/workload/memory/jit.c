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

/* mov $value, %eax; ret */
static void emit(char *at, int value)
{
	at[0] = (char)0xb8;
	memcpy(at + 1, &value, sizeof(value));
	at[5] = (char)0xc3;
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
	emit(both, 1);
	emit(later, 2);
	emit(view, 3);
	wl_try(mprotect(later, page, PROT_READ | PROT_EXEC));
	wl_ready_and_wait();
	wl_check_eq(call(both), 1);
	wl_check_eq(call(later), 2);
	wl_check_eq(call(code), 3);
	emit(both, 11);
	emit(view, 13);
	wl_check_eq(call(both), 11);
	wl_check_eq(call(code), 13);
	wl_pass();
}
