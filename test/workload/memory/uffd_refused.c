/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory whose faults a userfaultfd serves: refused by name, and the program goes on.
 *
 * wl: areas memory
 * wl: expect dump-refused is registered with a userfaultfd
 * wl: crossing none it is refused
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "workload.h"

int main(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	int fd = wl_try(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
	char *p = wl_try(
		mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	wl_try(ioctl(fd, UFFDIO_API, &api));
	reg.range.start = (unsigned long)p;
	reg.range.len = 8192;
	wl_try(ioctl(fd, UFFDIO_REGISTER, &reg));
	wl_ready_and_wait();
	wl_try(ioctl(fd, UFFDIO_UNREGISTER, &reg.range));
	wl_check_eq(p[0], 0);
	wl_pass();
}
