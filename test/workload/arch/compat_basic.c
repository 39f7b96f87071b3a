/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A 32-bit process (compat mode of x86_64): ids, memory, environment, pipe to a child, the
 * mappings of its own vDSO, a heap and a stack with contents; still 32-bit afterwards.
 *
 *	wl: areas   arch task
 *	wl: flavours host user ns userns
 *	wl: needs   32bit
 *	wl: cflags  -m32
 *	wl: cycles  5
 */
#define _GNU_SOURCE
#include "workload.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIZE (1 << 20)

static int fds[2];

static void talk(void *arg)
{
	(void)arg;
	wl_check_eq(write(fds[1], "child", 5), 5);
}

static unsigned int code_segment(void)
{
	unsigned int cs;

	__asm__ volatile("movl %%cs, %0" : "=r"(cs));
	return cs;
}

int main(void)
{
	char *heap = malloc(SIZE), stack[4096], text[8] = "";
	char *area = wl_try(
		mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	pid_t pid = getpid();
	char *maps;

	wl_check_eq(sizeof(void *), 4);
	wl_check_eq(code_segment(), 0x23);
	wl_check(heap != NULL);
	wl_fill(heap, SIZE, 1);
	wl_fill(stack, sizeof(stack), 2);
	wl_fill(area, SIZE, 3);
	wl_try(pipe(fds));
	wl_actor_fork(NULL, talk, NULL);
	wl_ready_and_wait();
	wl_check_eq(code_segment(), 0x23);
	wl_check_eq(syscall(SYS_getpid), pid);
	wl_check(wl_matches(heap, SIZE, 1));
	wl_check(wl_matches(stack, sizeof(stack), 2));
	wl_check(wl_matches(area, SIZE, 3));
	maps = wl_read_file("/proc/self/maps");
	wl_check(strstr(maps, "[vdso]") && strstr(maps, "[stack]"));
	wl_check(time(NULL) > 0);
	wl_actors_finish();
	wl_check_eq(read(fds[0], text, 5), 5);
	wl_check_text("text", text, "child");
	wl_pass();
}
