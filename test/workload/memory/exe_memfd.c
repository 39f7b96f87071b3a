/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that runs out of a sealed memfd (fexecve), as container runtimes do it: its executable
 * and its mappings have no name in any file system.
 *
 * wl: areas memory shm
 * wl: cycles 3
 * wl: crossing from CRIU asks for the memfd by name
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workload.h"

extern char **environ;

static char *exe(void)
{
	static char buf[256];
	ssize_t n = wl_try(readlink("/proc/self/exe", buf, sizeof(buf) - 1));

	buf[n] = 0;
	return buf;
}

int main(int argc, char **argv)
{
	char before[256];
	int data = 42;

	(void)argc;
	if (strncmp(exe(), "/memfd:", 7)) {
		int self = wl_try(open("/proc/self/exe", O_RDONLY));
		int fd = wl_try(memfd_create("runner", MFD_CLOEXEC | MFD_ALLOW_SEALING));
		struct stat st;

		wl_try(fstat(self, &st));
		wl_check_eq(sendfile(fd, self, NULL, st.st_size), st.st_size);
		wl_try(fcntl(fd, F_ADD_SEALS,
			     F_SEAL_SEAL | F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW));
		fexecve(fd, argv, environ);
		wl_pfail("fexecve");
	}
	strcpy(before, exe());
	wl_ready_and_wait();
	wl_check_text("exe", exe(), before);
	wl_check_eq(data, 42);
	wl_pass();
}
