/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child unmapped its vDSO and all of its data areas, and stopped itself by raw system calls.
 * It has none of them after the restore either; nothing of the tool may rely on one there.
 *
 *	wl: areas   arch
 *	wl: flavours host user ns userns
 */
#define _GNU_SOURCE
#include "vdso.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int has_vdso(pid_t pid)
{
	char *path = wl_format("/proc/%d/maps", pid), *text = wl_read_file(path);
	int has = strstr(text, "[vdso") || strstr(text, "[vvar");

	free(text);
	free(path);
	return has;
}

int main(void)
{
	struct vdso_area areas[8];
	int total, count = vdso_find(areas, 8, &total), status;
	pid_t pid;

	wl_check(count > 0);
	pid = wl_fork();
	if (pid == 0) {
		for (int i = 0; i < count; i++)
			wl_try(munmap((void *)areas[i].start, areas[i].end - areas[i].start));
		syscall(SYS_kill, syscall(SYS_getpid), SIGSTOP);
		syscall(SYS_exit_group, 17);
	}
	wl_await_state(pid, "T");
	wl_check(!has_vdso(pid));
	wl_ready_and_wait();
	wl_await_state(pid, "T");
	wl_check(!has_vdso(pid));
	wl_try(kill(pid, SIGCONT));
	wl_check_eq(waitpid(pid, &status, 0), pid);
	wl_check_eq(status, 17 << 8);
	wl_pass();
}
