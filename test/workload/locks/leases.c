/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases: one for reading and one for writing that nobody breaks; and three that are being broken
 * when the dump comes: one for reading by a writer, one for writing by a reader, one for writing by
 * a writer. Afterwards F_GETLEASE tells the same types, and the holder gets no second signal; the
 * unbroken ones still get theirs.
 *
 * wl: areas locks
 * wl: flavours host
 * wl: both --file-locks
 * wl: crossing from CRIU breaks them again with the signal
 */
#define _GNU_SOURCE
#include <signal.h>

#include "held.h"

#define N      5
#define SIGNAL (SIGRTMIN + 3)

static const struct {
	const char *path;
	int flags, type, breaker, after;
} leases[N] = {
	{ "read", O_RDONLY, F_RDLCK, -1, F_RDLCK },
	{ "write", O_RDWR, F_WRLCK, -1, F_WRLCK },
	{ "read-by-writer", O_RDONLY, F_RDLCK, O_WRONLY, F_UNLCK },
	{ "write-by-reader", O_RDWR, F_WRLCK, O_RDONLY, F_RDLCK },
	{ "write-by-writer", O_RDWR, F_WRLCK, O_WRONLY, F_UNLCK },
};

/* How many signals wait. */
static int signals(void)
{
	struct timespec none = { 0 };
	siginfo_t info;
	sigset_t set;
	int n = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGNAL);
	while (sigtimedwait(&set, &info, &none) > 0)
		n++;
	return n;
}

int main(void)
{
	char *before[N];
	sigset_t set;
	int fds[N];

	sigemptyset(&set);
	sigaddset(&set, SIGNAL);
	wl_try(sigprocmask(SIG_BLOCK, &set, NULL));
	for (int i = 0; i < N; i++) {
		wl_write_file(leases[i].path, "x");
		fds[i] = wl_try(open(leases[i].path, leases[i].flags));
		wl_try(fcntl(fds[i], F_SETLEASE, leases[i].type));
		wl_try(fcntl(fds[i], F_SETSIG, SIGNAL));
		if (leases[i].breaker >= 0) {
			wl_check(open(leases[i].path, leases[i].breaker | O_NONBLOCK) < 0);
			wl_check_eq(errno, EWOULDBLOCK);
		}
		wl_check_eq(fcntl(fds[i], F_GETLEASE), leases[i].after);
		before[i] = held(0, fds[i]);
	}
	wl_check_eq(signals(), 3);

	wl_ready_and_wait();
	wl_check_eq(signals(), 0);
	for (int i = 0; i < N; i++) {
		wl_check_eq(fcntl(fds[i], F_GETLEASE), leases[i].after);
		wl_check_text(leases[i].path, held(0, fds[i]), before[i]);
	}
	for (int i = 0; i < 2; i++)
		wl_check(open(leases[i].path, O_WRONLY | O_NONBLOCK) < 0);
	wl_check_eq(signals(), 2);
	for (int i = 0; i < N; i++) { /* the holder gives in */
		wl_try(fcntl(fds[i], F_SETLEASE, F_UNLCK));
		close(wl_try(open(leases[i].path, O_WRONLY | O_NONBLOCK)));
	}
	wl_pass();
}
