/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hidden folder that a new set is written in: .crtools-dump-<16 hex digits>, inside of the
 * images directory and so on its file system (rename(2) can move the files out).
 *
 * 1. A folder holds a file `owner` with "pid starttime bootid pidns", locked with flock(2) from
 *    before the folder can be seen by others until its writer ends, however it ends.
 * 2. Folders are made and removed with the images directory locked, so (1) has no gap.
 * 3. The set of an abandoned folder that was about to replace an older one is finished (finish.c).
 * 4. A folder whose note is not locked is abandoned. Where the file system has no flock, the writer
 *    is looked up by pid and start time (/proc/PID/stat field 22).
 * 5. Who can be seen to be gone writes no more, though a helper that it has left may still hold the
 *    lock: its folder stays, and is in nobody's way.
 */
#include "image/staging.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/journal.h"
#include "base/log.h"

/* Of this process. 0: not known. */
static uint64_t pid_namespace(void)
{
	struct stat st;

	return stat("/proc/self/ns/pid", &st) ? 0 : st.st_ino;
}

/* The writer that left this note, if it is still there; else 0. */
static pid_t living_writer(int note, uint64_t *ret_namespace)
{
	char text[128] = "", boot[40], wanted[40] = "";
	uint64_t start, ns = 0;
	int pid;

	if (pread(note, text, sizeof(text) - 1, 0) <= 0 ||
	    sscanf(text, "%d %" SCNu64 " %39s %" SCNu64, &pid, &start, wanted, &ns) < 3 ||
	    boot_id(boot))
		return 0;
	if (ret_namespace)
		*ret_namespace = ns;
	return !strcmp(boot, wanted) && process_start_time(pid) == start ? pid : 0;
}

static bool is_abandoned(int folder, pid_t given_up)
{
	_cleanup_fd_ int note = openat(folder, "owner", O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (note < 0)
		return errno == ENOENT;
	if (!flock(note, LOCK_EX | LOCK_NB) || (given_up && living_writer(note, NULL) == given_up))
		return true;
	return errno != EWOULDBLOCK && !living_writer(note, NULL); /* without flock */
}

/* Where its id says nothing here, the lock does. */
static bool is_written(int folder, pid_t *ret_pid)
{
	_cleanup_fd_ int note = openat(folder, "owner", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint64_t ns = 0, own = pid_namespace();
	bool locked;

	if (note < 0)
		return false;
	locked = flock(note, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
	*ret_pid = living_writer(note, &ns);
	if (ns == own)
		return *ret_pid;
	*ret_pid = 0;
	return locked;
}

/* The next folder of an images directory; -1: there is none. */
static int next_folder(DIR *d, const char **ret_name)
{
	struct dirent *e;

	while (d && (e = readdir(d))) {
		int folder;

		if (strncmp(e->d_name, IMAGE_STAGING_PREFIX, strlen(IMAGE_STAGING_PREFIX)))
			continue;
		folder = openat(dirfd(d), e->d_name,
				O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (folder < 0)
			continue;
		*ret_name = e->d_name;
		return folder;
	}
	return -1;
}

bool image_staging_written(int dir, pid_t *ret_pid)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), folder;
	_cleanup_dir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const char *name;
	bool written = false;

	while (!written && (folder = next_folder(d, &name)) >= 0) {
		written = is_written(folder, ret_pid);
		close(folder);
	}
	return written;
}

/* By the bare call: readdir(3) takes memory, and there may be none left, which is why it is
 * removed. */
int image_staging_remove(int dirfd, const char *name)
{
	_cleanup_fd_ int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	_Alignas(struct dirent64) char buf[4096];
	long n;

	if (fd < 0)
		return -errno;
	while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0)
		for (long at = 0; at < n;) {
			const struct dirent64 *e = (const void *)(buf + at);

			if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
				unlinkat(fd, e->d_name, 0);
			at += e->d_reclen;
		}
	return unlinkat(dirfd, name, AT_REMOVEDIR) ? -errno : 0;
}

int image_staging_clean(int dir, pid_t given_up, bool *ret_finished)
{
	int n = 0, at;
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const char *name;

	*ret_finished = false;
	while ((at = next_folder(d, &name)) >= 0) {
		_cleanup_fd_ int folder = at;

		if (!is_abandoned(folder, given_up))
			continue;
		if (image_staging_finish(fd, folder) == 0) {
			log_info("the images of a dump that was killed while it put them into "
				 "their place are there now");
			*ret_finished = true;
		}
		log_info("removing %s, which a dump that was killed left behind", name);
		n += image_staging_remove(fd, name) == 0;
	}
	return n;
}

static int write_note(int folder, int *ret_note)
{
	_cleanup_fd_ int note =
		openat(folder, "owner", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	char text[128], boot[40];
	int ret;

	if (note < 0)
		return -errno;
	flock(note, LOCK_EX | LOCK_NB); /* nobody else can hold it; see (4) where it can't be had */
	boot_id(boot);
	snprintf(text, sizeof(text), "%d %" PRIu64 " %s %" PRIu64 "\n", getpid(),
		 process_start_time(getpid()), boot, pid_namespace());
	ret = write_full(note, text, strlen(text));
	if (ret)
		return ret;
	*ret_note = TAKE_FD(note);
	return 0;
}

int image_staging_make(int dirfd, char name[40], int *ret_folder, int *ret_note)
{
	_cleanup_fd_ int folder = -1;
	uint64_t salt;
	int ret;

	if (getrandom(&salt, sizeof(salt), 0) != sizeof(salt))
		return -errno;
	snprintf(name, 40, IMAGE_STAGING_PREFIX "%016" PRIx64, salt);
	if (mkdirat(dirfd, name, 0700))
		return -errno;
	folder = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	ret = folder < 0 ? -errno : write_note(folder, ret_note);
	if (ret) {
		close_fd(
			&folder); /* the removal needs a descriptor, of which there may be no more */
		image_staging_remove(dirfd, name);
		return ret;
	}
	*ret_folder = TAKE_FD(folder);
	return 0;
}
