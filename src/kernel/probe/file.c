/* SPDX-License-Identifier: Apache-2.0 */
/* Probes of files, file systems, mounts, control groups and asynchronous I/O. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/probe/probe.h"
#include "kernel/proc/fd.h"
#include "kernel/proc/maps.h"
#include "kernel/proc/mountinfo.h"

#ifndef SYS_statmount
#define SYS_statmount 457
#endif
#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif
#define F_GETOWNER_UIDS_	17
#define MOVE_MOUNT_SET_GROUP_	0x100
#define MOVE_MOUNT_EMPTY_PATHS_ (0x4 | 0x40)
#define LANDLOCK_VERSION_	1

/* fdinfo of one of our descriptors. */
static int own_fdinfo(int fd, struct arena *a, struct proc_fdinfo *ret)
{
	_cleanup_(proc_close) struct proc self = PROC_INIT;
	_cleanup_(proc_buf_free) struct proc_buf buf = { 0 };

	return -(proc_open(&self, getpid(), &buf, NULL) ?: proc_fdinfo(&self, fd, a, ret, NULL));
}

PROBE(FDINFO)
{
	_cleanup_fd_ int fd = eventfd(0, EFD_CLOEXEC);
	struct proc_fdinfo info;
	struct arena a = { 0 };
	int e;

	if (fd < 0)
		return errno;
	e = own_fdinfo(fd, &a, &info) ?: strstr(info.text, "eventfd-count:") ? 0 : ENOSYS;
	arena_free(&a);
	return e;
}

PROBE(MNT_ID)
{
	_cleanup_fd_ int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct proc_fdinfo info;
	struct arena a = { 0 };
	int e;

	if (fd < 0)
		return errno;
	e = own_fdinfo(fd, &a, &info) ?: info.mnt_id >= 0 ? 0 : ENOSYS;
	arena_free(&a);
	return e;
}

PROBE(FDINFO_LOCK)
{
	_cleanup_fd_ int fd = memfd_create("probe", MFD_CLOEXEC);
	struct proc_fdinfo info;
	struct arena a = { 0 };
	int e;

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB))
		return errno;
	e = own_fdinfo(fd, &a, &info) ?: strstr(info.text, "lock:") ? 0 : ENOSYS;
	arena_free(&a);
	return e;
}

PROBE(F_GETOWNER_UIDS)
{
	_cleanup_fd_ int fd = eventfd(0, EFD_CLOEXEC);
	uint32_t uids[2];

	return fd < 0 ? errno : PROBE_CALL(fcntl(fd, F_GETOWNER_UIDS_, uids));
}

/* From an odd address, less than a page. */
PROBE(VMSPLICE)
{
	char text[8] = "abcdefg", got[4];
	struct iovec iov = { text + 1, 4 };
	int fds[2], e;

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
		return errno;
	e = vmsplice(fds[1], &iov, 1, SPLICE_F_NONBLOCK) != 4 ? errno
	    : read(fds[0], got, 4) != 4			      ? errno
	    : memcmp(got, text + 1, 4)			      ? EIO
							      : 0;
	close(fds[0]);
	close(fds[1]);
	return e;
}

PROBE(TTY)
{
	_cleanup_fd_ int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	int locked;

	return fd < 0 ? errno : PROBE_CALL(ioctl(fd, TIOCGPTLCK, &locked));
}

PROBE(OPENAT2)
{
	struct {
		uint64_t flags, mode, resolve;
	} how = { .flags = O_PATH | O_CLOEXEC };
	_cleanup_fd_ int fd = syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how));

	return PROBE_CALL(fd);
}

/* None of our descriptors has that number. */
PROBE(CLOSE_RANGE)
{
	return PROBE_CALL(syscall(SYS_close_range, ~0U, ~0U, 0));
}

/* Refused for want of a name, of a size, of arguments, of descriptors: but known. */
PROBE(NEW_MOUNT_API)
{
	return probe_expect(syscall(SYS_fsopen, NULL, 0), EFAULT);
}

PROBE(MOUNT_SETATTR)
{
	return probe_expect(syscall(SYS_mount_setattr, -1, "", 0, NULL, 0), EINVAL);
}

PROBE(STATMOUNT)
{
	return probe_expect(syscall(SYS_statmount, NULL, NULL, 0, 0), EFAULT);
}

PROBE(MOVE_MOUNT_SET_GROUP)
{
	return probe_expect(syscall(SYS_move_mount, -1, "", -1, "",
				    MOVE_MOUNT_SET_GROUP_ | MOVE_MOUNT_EMPTY_PATHS_),
			    EBADF);
}

PROBE(LANDLOCK)
{
	return PROBE_CALL(syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION_));
}

/* The arguments are read after it was found out whether we may. */
PROBE(IO_URING)
{
	return probe_expect(syscall(SYS_io_uring_setup, 1, NULL), EFAULT);
}

static bool has_mount_of(const char *fstype)
{
	_cleanup_(proc_close) struct proc self = PROC_INIT;
	_cleanup_(proc_buf_free) struct proc_buf buf = { 0 };
	struct arena a = { 0 };
	struct proc_mounts mounts = { 0 };
	bool found = false;

	if (!proc_open(&self, getpid(), &buf, NULL) && !proc_mountinfo(&self, &a, &mounts, NULL))
		for (size_t i = 0; i < mounts.n; i++)
			found |= !strcmp(mounts.mounts[i].fstype, fstype);
	arena_free(&a);
	return found;
}

PROBE(CGROUP2)
{
	return has_mount_of("cgroup2") ? 0 : ENOENT;
}

/* These files are in every group but the root, and we may be in that one: ask for the version. */
PROBE(CGROUP_FREEZER)
{
	return probe_kernel(5, 2) ?: probe_CGROUP2();
}
PROBE(CGROUP_KILL)
{
	return probe_kernel(5, 14) ?: probe_CGROUP2();
}
PROBE(CLONE_INTO_CGROUP)
{
	return probe_kernel(5, 7) ?: probe_CGROUP2();
}

/* Not by mounting one: that could load the module, for good. */
PROBE(AUTOFS)
{
	_cleanup_file_ FILE *f = fopen("/proc/filesystems", "re");
	char line[128];

	if (!f)
		return errno;
	while (fgets(line, sizeof(line), f))
		if (strstr(line, "\tautofs\n"))
			return probe_kernel(4, 14);
	return ENODEV;
}

/* Does the area that maps fd have its device and number? */
static int same_in_maps(int fd)
{
	_cleanup_(proc_close) struct proc self = PROC_INIT;
	_cleanup_(proc_buf_free) struct proc_buf buf = { 0 };
	const struct proc_area *area;
	struct proc_areas areas;
	struct arena a = { 0 };
	struct stat st;
	int e;
	char *mem = mmap(NULL, getpagesize(), PROT_READ, MAP_PRIVATE, fd, 0);

	if (mem == MAP_FAILED || fstat(fd, &st))
		return errno;
	e = -(proc_open(&self, getpid(), &buf, NULL) ?: proc_maps(&self, &a, &areas, NULL));
	if (!e) {
		area = proc_areas_find(&areas, (uintptr_t)mem);
		e = area && area->ino == st.st_ino && area->major == major(st.st_dev) &&
				    area->minor == minor(st.st_dev)
			    ? 0
			    : ENOSYS;
	}
	arena_free(&a);
	return e;
}

/* In a child with mounts of its own, which go with it. */
static int try_overlay(void *arg)
{
	_cleanup_fd_ int fd = -1;

	(void)arg;
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/tmp", "tmpfs", 0, NULL) || chdir("/tmp") || mkdir("l", 0700) ||
	    mkdir("u", 0700) || mkdir("w", 0700) || mkdir("m", 0700))
		return errno;
	fd = open("l/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, getpagesize()))
		return errno;
	close_fd(&fd);
	if (mount("overlay", "m", "overlay", 0, "lowerdir=l,upperdir=u,workdir=w"))
		return errno;
	fd = open("m/file", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? errno : same_in_maps(fd);
}

PROBE(OVERLAYFS_MAPS)
{
	return probe_in_child(try_overlay, NULL);
}

PROBE(APPARMOR_STACKING)
{
	_cleanup_fd_ int fd =
		open("/sys/kernel/security/apparmor/features/domain/stack", O_RDONLY | O_CLOEXEC);
	char yes[4] = "";

	if (fd < 0)
		return errno;
	return read(fd, yes, 3) == 3 && !strcmp(yes, "yes") ? 0 : ENOSYS;
}
