/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and how they are opened. The images hold absolute names as d_path() gives them, without
 * symbolic links at the time of the dump; they are resolved below the root that they belong to with
 * openat2(2) RESOLVE_IN_ROOT (Linux 5.6), so that a name from a hostile image, or a link that came
 * in between, can't lead out of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "kernel/inode.h"
#include "objects/file/file.h"

#define RACES_MAX 16

static const char *relative(const char *name)
{
	while (*name == '/')
		name++;
	return *name ? name : ".";
}

int path_open(int root, const char *name, int flags, mode_t mode)
{
	return path_open_as(root, name, flags | O_CLOEXEC, mode);
}

int path_open_as(int root, const char *name, int flags, mode_t mode)
{
	struct open_how how = { .flags = (unsigned int)flags,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	int fd;

	if (flags & O_PATH) /* openat2 takes no flags with O_PATH that would have no effect */
		how.flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	else if (flags & O_CREAT)
		how.mode = mode;
	/* EAGAIN: a directory was renamed meanwhile, and the kernel can't tell if we left the root.
	 */
	for (int i = 0; i < RACES_MAX; i++) {
		fd = syscall(SYS_openat2, root, relative(name), &how, sizeof(how));
		if (fd >= 0 || errno != EAGAIN || (flags & O_NONBLOCK))
			break;
	}
	return fd < 0 ? -errno : fd;
}

int path_stat(int root, const char *name, struct stat *ret)
{
	return fstatat(root, relative(name), ret, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int path_inode(int root, const char *name, struct stat *ret, uint64_t *ret_attributes)
{
	return inode_stat(root, relative(name), AT_SYMLINK_NOFOLLOW, ret, ret_attributes) < 0
		       ? -errno
		       : 0;
}

int path_may_open(int root, const char *name, int flags)
{
	static const int wanted[] = {
		[O_RDONLY] = R_OK, [O_WRONLY] = W_OK, [O_RDWR] = R_OK | W_OK, [O_ACCMODE] = R_OK | W_OK
	};

	if (flags & O_PATH)
		return 0;
	if (faccessat(root, relative(name), wanted[flags & O_ACCMODE], AT_EACCESS) == 0)
		return 0;
	/* Not asked, but filtered: opening it will tell. */
	return errno == EPERM && err_filtered() ? 0 : -errno;
}

const char *path_last(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

const char *fd_path(int fd, char buf[static FD_PATH_SIZE])
{
	snprintf(buf, FD_PATH_SIZE, "/proc/self/fd/%d", fd);
	return buf;
}

int fd_reopen(int fd, int flags)
{
	char path[FD_PATH_SIZE];
	int ret = open(fd_path(fd, path), flags | O_CLOEXEC);

	return ret < 0 ? -errno : ret;
}

static bool number(const char **s, pid_t *ret)
{
	char *end;
	long n;

	if (**s < '1' || **s > '9')
		return false;
	errno = 0;
	n = strtol(*s, &end, 10);
	if (errno || n > INT32_MAX || (*end && *end != '/'))
		return false;
	*s = end;
	*ret = n;
	return true;
}

bool path_proc_ids(const char *name, pid_t *ret_pid, pid_t *ret_tid)
{
	*ret_tid = 0;
	if (strncmp(name, "/proc/", 6))
		return false;
	name += 6;
	if (!number(&name, ret_pid))
		return false;
	if (!strncmp(name, "/task/", 6)) {
		name += 6;
		if (!number(&name, ret_tid))
			*ret_tid = 0;
	}
	return true;
}
