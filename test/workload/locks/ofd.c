/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks of the open file description (F_OFD_SETLK): one for writing to the end of the file, which
 * a child has inherited; and four of overlapping ranges for reading, by four descriptions of one
 * file. Each shows its own range and type, and holds against another description.
 *
 * wl: areas locks
 * wl: flavours host user unpriv
 * wl: both --file-locks
 */
#define _GNU_SOURCE
#include "held.h"

#define N 4

static const long long ranges[N][2] = { { 0, 20 }, { 10, 30 }, { 0, 100 }, { 70, 200 } };

int main(void)
{
	int whole = wl_try(open("whole", O_RDWR | O_CREAT, 0600)), fds[N], other, file;
	struct flock lock = range(F_WRLCK, 0, 0);
	char *before, *shown[N];
	pid_t child;

	wl_try(fcntl(whole, F_OFD_SETLK, &lock));
	for (int i = 0; i < N; i++) {
		fds[i] = wl_try(open("ranges", O_RDWR | O_CREAT, 0600));
		lock = range(F_RDLCK, ranges[i][0], ranges[i][1]);
		wl_try(fcntl(fds[i], F_OFD_SETLK, &lock));
		shown[i] = held(0, fds[i]);
		wl_check_eq(lines(shown[i]), 1);
	}
	child = wl_fork_awaited();
	if (!child) {
		wl_child_wait();
		other = wl_try(open("whole", O_RDWR));
		wl_check_eq(obstacle(other, F_OFD_GETLK, F_RDLCK, 1000, 1), F_WRLCK);
		wl_check_eq(obstacle(whole, F_OFD_GETLK, F_WRLCK, 0, 0), F_UNLCK);
		_exit(0);
	}
	before = held(0, whole);
	wl_check(strstr(before, "OFDLCK") && strstr(before, "WRITE") && strstr(before, "0 EOF"));

	wl_ready_and_wait();
	wl_check_text("whole", held(0, whole), before);
	wl_check_text("whole, child", held(child, whole), before);
	other = wl_try(open("whole", O_RDWR));
	wl_check_eq(obstacle(other, F_OFD_GETLK, F_RDLCK, 1 << 20, 1), F_WRLCK);
	file = wl_try(open("ranges", O_RDWR));
	for (int i = 0; i < N; i++) {
		wl_check_text("range", held(0, fds[i]), shown[i]);
		wl_check_eq(obstacle(file, F_OFD_GETLK, F_WRLCK, ranges[i][0], 1), F_RDLCK);
	}
	wl_check_eq(obstacle(file, F_OFD_GETLK, F_WRLCK, 270, 0), F_UNLCK);
	wl_check_eq(obstacle(file, F_OFD_GETLK, F_RDLCK, 0, 0), F_UNLCK);
	wl_finish(child);
	wl_pass();
}
