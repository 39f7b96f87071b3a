/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folders half read by getdents64() in small pieces, on the test's own file system and on a tmpfs,
 * by two descriptions at different places; and one read to its end, to which a name is added
 * afterwards.
 *
 * wl: areas files
 * wl: needs root
 * wl: cycles 2
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

enum { ENTRIES = 1000, PLACES = 2, READERS = 2 };

struct reader {
	int fd, count;
	off_t position;
	char seen[ENTRIES];
};

/* At most so many entries more, by calls of a few entries each. */
static void take(struct reader *r, int limit)
{
	char buf[256];
	long n = 1;

	while (r->count < limit &&
	       (n = wl_try(syscall(SYS_getdents64, r->fd, buf, sizeof(buf)))) > 0)
		for (long at = 0; at < n;) {
			struct dirent64 *d = (struct dirent64 *)(buf + at);
			int number;

			at += d->d_reclen;
			if (sscanf(d->d_name, "entry-%d", &number) != 1)
				continue;
			if (r->seen[number]++)
				wl_fail("%s comes twice", d->d_name);
			r->count++;
		}
	r->position = wl_try(lseek(r->fd, 0, SEEK_CUR));
}

int main(void)
{
	static const char *const place[PLACES] = { "plain", "tmpfs" };
	static struct reader reader[PLACES][READERS];
	int finished;
	char buf[512];

	wl_try(mkdir("plain", 0755));
	wl_try(mkdir("tmpfs", 0755));
	wl_try(mount("tmpfs", "tmpfs", "tmpfs", 0, NULL));
	for (int p = 0; p < PLACES; p++) {
		for (int i = 0; i < ENTRIES; i++)
			wl_write_file(wl_format("%s/entry-%d", place[p], i), "");
		for (int k = 0; k < READERS; k++) {
			reader[p][k].fd = wl_try(open(place[p], O_RDONLY | O_DIRECTORY));
			take(&reader[p][k], 100 + k * 500);
		}
	}
	finished = wl_try(open("plain", O_RDONLY));
	while (wl_try(syscall(SYS_getdents64, finished, buf, sizeof(buf))) > 0)
		continue;
	wl_ready_and_wait();
	wl_check_eq(syscall(SYS_getdents64, finished, buf, sizeof(buf)), 0);
	for (int p = 0; p < PLACES; p++)
		for (int k = 0; k < READERS; k++) {
			struct reader *r = &reader[p][k];

			wl_check_eq(lseek(r->fd, 0, SEEK_CUR), r->position);
			take(r, ENTRIES + 1);
			if (r->count != ENTRIES)
				wl_fail("%s: reader %d saw %d entries", place[p], k, r->count);
		}
	wl_try(umount2("tmpfs", MNT_DETACH));
	wl_pass();
}
