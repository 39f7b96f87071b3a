/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function with an active user probe has made the kernel's "[uprobes]" mapping; with the
 * allowing option the function can be called after the restore without a trap; the kernel
 * makes the mapping again when the probe is hit.
 *
 * wl: areas memory
 * wl: both --allow-uprobes
 * wl: needs uprobes
 * wl: ignore maps
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

volatile int calls;

/* The side effect keeps the call. Where the kernel imitates the first instruction of a function as
 * the compiler makes it, it needs no copy of it to execute. */
#ifdef __aarch64__
void wl_traced(void);
__asm__(".text\n"
	".globl wl_traced\n"
	".type wl_traced, %function\n"
	"wl_traced:\n"
	"mov w1, #1\n"
	"adrp x0, calls\n"
	"ldr w2, [x0, :lo12:calls]\n"
	"add w2, w2, w1\n"
	"str w2, [x0, :lo12:calls]\n"
	"ret\n");
#else
__attribute__((noinline)) void wl_traced(void)
{
	calls++;
}
#endif

/* The probe is named by file offset: that of the address, through the area's line in maps. */
static unsigned long file_offset(const void *addr)
{
	unsigned long start, offset;

	wl_check_eq(sscanf(wl_vma_line(addr), "%lx-%*x %*s %lx", &start, &offset), 2);
	return (uintptr_t)addr - start + offset;
}

static void control(const char *file, const char *text)
{
	char *path = wl_format("tracing/%s", file);
	int fd = wl_try(open(path, O_WRONLY | O_APPEND | O_CLOEXEC));

	if (write(fd, text, strlen(text)) < 0)
		wl_pfail("can't write '%s' to %s", text, path);
	close(fd);
	free(path);
}

int main(void)
{
	char exe[4096], *name = wl_format("crt%d", getpid());
	ssize_t n = wl_try(readlink("/proc/self/exe", exe, sizeof(exe) - 1));

	exe[n] = '\0';
	wl_try(mkdir("tracing", 0755));
	wl_try(mount("tracefs", "tracing", "tracefs", 0, NULL));
	control("uprobe_events",
		wl_format("p:%s/%s %s:0x%lx\n", name, name, exe, file_offset(wl_traced)));
	control(wl_format("events/%s/enable", name), "1\n");
	wl_traced();
	wl_check_eq(calls, 1);
	wl_check(strstr(wl_read_file("/proc/self/maps"), "[uprobes]"));
	wl_try(umount2("tracing", MNT_DETACH));
	wl_ready_and_wait();
	wl_traced();
	wl_check_eq(calls, 2);
	wl_try(mount("tracefs", "tracing", "tracefs", 0, NULL));
	control(wl_format("events/%s/enable", name), "0\n");
	control("uprobe_events", wl_format("-:%s/%s\n", name, name));
	wl_try(umount2("tracing", MNT_DETACH));
	wl_pass();
}
