/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who uses an images directory. Two sets that are written into one would be mixed: what the later
 * commit does not know of stays; and a restore reads of one set in many steps. So
 *
 * 1. A writer is there as long as its hidden folder is (staging.c): another writer, and whoever
 *    comes to restore, is refused.
 * 2. A reader holds flock(2) on the directory, shared, until all is read: a writer is refused.
 * 3. Folders are made, and sets moved, with that lock held alone, and readers look for a folder
 * when they have it, so (1) and (2) have no gap.
 *
 * Both end with the process. The lock is taken without waiting for longer than a moment: whoever
 * has it may be stopped, and a tree stands still meanwhile.
 */
#include "image/claim.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "image/staging.h"

#define MOMENT_US 2000000
#define LOOK_US	  2000

static int lock_dir(int fd, int how)
{
	for (int waited = 0; flock(fd, how | LOCK_NB); waited += LOOK_US) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return 0;
		if (waited >= MOMENT_US)
			return -EWOULDBLOCK;
		usleep(LOOK_US);
	}
	return 0;
}

int image_lock_dir(int fd)
{
	return lock_dir(fd, LOCK_EX);
}

void image_unlock_dir(int fd)
{
	flock(fd, LOCK_UN);
}

/* As proc(5) lists it: "1: FLOCK  ADVISORY  READ 4711 00:2d:123 0 EOF". 0: it is not seen there. */
static pid_t holder_of(int fd)
{
	_cleanup_file_ FILE *locks = fopen("/proc/locks", "re");
	char line[256];
	struct stat st;

	while (locks && !fstat(fd, &st) && fgets(line, sizeof(line), locks)) {
		unsigned major, minor;
		unsigned long ino;
		int pid;

		if (sscanf(line, "%*s FLOCK %*s %*s %d %x:%x:%lu", &pid, &major, &minor, &ino) ==
			    4 &&
		    ino == st.st_ino && makedev(major, minor) == st.st_dev && pid > 0)
			return pid;
	}
	return 0;
}

static const char *who(pid_t pid, char *buf, size_t size)
{
	char path[64], comm[32] = "";
	_cleanup_file_ FILE *f = NULL;

	if (!pid)
		return "a process that can't be seen from here";
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = fopen(path, "re");
	if (!f || !fgets(comm, sizeof(comm), f))
		comm[0] = '\0';
	comm[strcspn(comm, "\n")] = '\0';
	snprintf(buf, size, "process %d (%s)", pid, comm);
	return buf;
}

static int in_use(int fd, const char *where, struct err *err)
{
	char buf[80];

	return err_set(
		err, ERR_IMAGE_BUSY, EWOULDBLOCK,
		"the images directory %s is in use: %s has locked it, as a restore does that "
		"reads there",
		where, who(holder_of(fd), buf, sizeof(buf)));
}

int image_claim_dir(int fd, const char *where, struct err *err)
{
	return lock_dir(fd, LOCK_EX) ? in_use(fd, where, err) : 0;
}

int image_check_unwritten(int fd, const char *where, struct err *err)
{
	char buf[80];
	pid_t pid;

	if (!image_staging_written(fd, &pid))
		return 0;
	return err_set(err, ERR_IMAGE_BUSY, EBUSY,
		       "the images directory %s is in use: %s writes a dump there", where,
		       who(pid, buf, sizeof(buf)));
}

int image_hold_dir(int fd, const char *where, struct err *err)
{
	int ret = lock_dir(fd, LOCK_SH) ? in_use(fd, where, err) : 0;

	if (ret == 0)
		ret = image_check_unwritten(fd, where, err);
	if (ret < 0)
		image_unlock_dir(fd);
	return ret;
}
