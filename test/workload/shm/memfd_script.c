/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scripts in memfds, which a child executes through their descriptors: that takes that nobody has
 * the file open for writing (ETXTBSY), so nothing of the restore may stay behind. One can be
 * executed for ever (F_SEAL_EXEC), another can't at all (MFD_NOEXEC_SEAL), a third can be written
 * only through a mapping that there was before (F_SEAL_FUTURE_WRITE). And a memfd that appends,
 * closes on exec, and has a mode and a position of its own.
 *
 * wl: areas shm pidfd-memfd-misc-fds
 * wl: needs kernel:6.3
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "workload.h"

#ifndef MFD_NOEXEC_SEAL /* Linux 6.3 */
#define MFD_NOEXEC_SEAL 8U
#define MFD_EXEC	16U
#define F_SEAL_EXEC	0x20
#endif

static const char script[] = "#!/bin/sh\nexit 42\n";

static int memfd_script(unsigned int flags, mode_t mode)
{
	int fd = wl_try(memfd_create("script", flags)), reader;

	wl_check_eq(write(fd, script, sizeof(script) - 1), sizeof(script) - 1);
	wl_try(fchmod(fd, mode));
	if (flags & MFD_EXEC)
		wl_try(fcntl(fd, F_ADD_SEALS, F_SEAL_EXEC));
	reader = wl_try(open(wl_format("/proc/self/fd/%d", fd), O_RDONLY));
	close(fd);
	return reader;
}

/* The script's exit status, or the errno of the call. */
static int run(int fd)
{
	char *const argv[] = { "script", NULL }, *const envp[] = { NULL };
	int status;
	pid_t pid = wl_try(fork());

	if (!pid) {
		fexecve(fd, argv, envp);
		_exit(errno);
	}
	wl_check_eq(waitpid(pid, &status, 0), pid);
	wl_check(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void check_modes(int fd)
{
	struct statfs fs;
	struct stat st;

	wl_try(fstat(fd, &st));
	wl_check_eq(st.st_mode, S_IFREG | 0642);
	wl_try(fstatfs(fd, &fs));
	wl_check_eq(fs.f_type, TMPFS_MAGIC);
	wl_check_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	wl_check_eq(fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND), O_RDWR | O_APPEND);
	wl_check_eq(lseek(fd, 0, SEEK_CUR), 3);
}

int main(void)
{
	int plain = memfd_script(0, 0700),
	    sealed = memfd_script(MFD_EXEC | MFD_ALLOW_SEALING, 0500),
	    never = memfd_script(MFD_NOEXEC_SEAL, 0600), modes, mapped, seals;
	char *view, text[8] = "";

	modes = wl_try(memfd_create("modes", MFD_CLOEXEC));
	wl_try(fchmod(modes, 0642));
	wl_try(fcntl(modes, F_SETFL, O_APPEND));
	wl_check_eq(write(modes, "12345", 5), 5);
	wl_try(lseek(modes, 3, SEEK_SET));
	mapped = wl_try(memfd_create("mapped", MFD_ALLOW_SEALING));
	wl_try(ftruncate(mapped, 4096));
	view = wl_try(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, mapped, 0));
	wl_try(fcntl(mapped, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	seals = wl_try(fcntl(sealed, F_GET_SEALS));
	wl_check(seals & F_SEAL_EXEC);
	wl_check_eq(run(plain), 42);
	wl_check_eq(run(sealed), 42);
	wl_check_eq(run(never), EACCES);
	check_modes(modes);

	wl_ready_and_wait();
	wl_check_eq(run(plain), 42);
	wl_check_eq(run(sealed), 42);
	wl_check_eq(run(never), EACCES);
	wl_check(fchmod(never, 0700) < 0 && errno == EPERM);
	wl_check(fchmod(sealed, 0600) < 0 && errno == EPERM);
	wl_check_eq(fcntl(never, F_GET_SEALS), F_SEAL_EXEC);
	wl_check_eq(fcntl(sealed, F_GET_SEALS), seals);
	check_modes(modes);
	wl_check_eq(write(modes, "6", 1), 1);
	wl_check_eq(pread(modes, text, 8, 0), 6);
	wl_check_text("what was appended", text, "123456");
	view[0] = 'x';
	wl_check(pwrite(mapped, "y", 1, 0) < 0 && errno == EPERM);
	wl_check_eq(fcntl(mapped, F_GET_SEALS), F_SEAL_FUTURE_WRITE);
	wl_pass();
}
