/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three children wait for locks that their parent holds: by flock(2), by fcntl(2) F_SETLKW and by
 * F_OFD_SETLKW. They wait still after the restore, and get what they wait for when the parent lets
 * go, each without an EINTR.
 *
 * wl: areas locks
 * wl: flavours host user unpriv
 * wl: both --file-locks
 */
#define _GNU_SOURCE
#include <sys/syscall.h>

#include "held.h"

enum { FLOCK, POSIX, OFD, N };

static const char *const paths[N] = { "flock", "posix", "ofd" };

static int take(int fd, int how, bool wait)
{
	struct flock lock = range(F_WRLCK, 0, 0);

	if (how == FLOCK)
		return flock(fd, wait ? LOCK_EX : LOCK_EX | LOCK_NB);
	if (how == POSIX)
		return fcntl(fd, wait ? F_SETLKW : F_SETLK, &lock);
	return fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &lock);
}

static void let_go(int fd, int how)
{
	struct flock lock = range(F_UNLCK, 0, 0);

	if (how == FLOCK)
		wl_try(flock(fd, LOCK_UN));
	else
		wl_try(fcntl(fd, how == POSIX ? F_SETLK : F_OFD_SETLK, &lock));
}

int main(void)
{
	int fds[N];
	pid_t children[N];

	for (int i = 0; i < N; i++) {
		fds[i] = wl_try(open(paths[i], O_RDWR | O_CREAT, 0600));
		wl_try(take(fds[i], i, false));
	}
	for (int i = 0; i < N; i++) {
		children[i] = wl_fork();
		if (children[i])
			continue;
		fds[i] = wl_try(open(paths[i], O_RDWR));
		wl_try(take(fds[i], i, true));
		_exit(0);
	}
	for (int i = 0; i < N; i++)
		wl_await_call(children[i], i == FLOCK ? SYS_flock : SYS_fcntl);
	wl_ready_and_wait();
	for (int i = 0; i < N; i++) {
		wl_await_call(children[i], i == FLOCK ? SYS_flock : SYS_fcntl);
		let_go(fds[i], i);
		wl_reap(children[i]);
	}
	wl_pass();
}
