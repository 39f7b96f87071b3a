/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/uffd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

int uffd_open(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int saved, fd = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

	if (fd < 0)
		fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, UFFDIO_API, &api) == 0)
		return fd;
	saved = errno;
	close(fd);
	return -saved;
}

int uffd_register(int uffd, uint64_t start, uint64_t len)
{
	struct uffdio_register reg = {
		.range = { .start = start, .len = len },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	return ioctl(uffd, UFFDIO_REGISTER, &reg) < 0 ? -errno : 0;
}

int uffd_unregister(int uffd, uint64_t start, uint64_t len)
{
	struct uffdio_range range = { .start = start, .len = len };

	return ioctl(uffd, UFFDIO_UNREGISTER, &range) < 0 ? -errno : 0;
}

int uffd_copy(int uffd, uint64_t to, uint64_t from, uint64_t len, uint64_t *ret_done)
{
	uint64_t done = 0;
	int ret = 0;

	while (ret == 0 && done < len) {
		struct uffdio_copy copy = {
			.dst = to + done,
			.src = from + done,
			.len = len - done,
			.mode = UFFDIO_COPY_MODE_DONTWAKE,
		};

		if (ioctl(uffd, UFFDIO_COPY, &copy) == 0)
			done = len;
		else if (copy.copy > 0)
			done += copy.copy; /* stopped early */
		else if (errno != EAGAIN)
			ret = -errno;
	}
	if (ret_done)
		*ret_done = done;
	return ret;
}
