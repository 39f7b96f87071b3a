/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access lists: a deleted file and a deleted folder with POSIX ACLs (and a default one), and
 * attributes in the security and trusted name spaces; binary values, an empty one, and one of 2000
 * bytes. Each is byte for byte what it was, and the list still does what it says.
 *
 * wl: areas files
 * wl: needs root
 * wl: cycles 2
 * wl: crossing none CRIU keeps no extended attributes
 */
#define _GNU_SOURCE
#include <endian.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "workload.h"

enum { USER = 18943, LONG = 2000 };

/* posix_acl_xattr_header and _entry of the kernel's uapi, little-endian: u::rw-, u:18943:r--,
 * g::---, m::r--, o::---. */
static const struct acl {
	uint32_t version;
	struct {
		uint16_t tag, perm;
		uint32_t id;
	} entry[5];
} acl = {
	2,
	{ { 0x01, 6, ~0U }, { 0x02, 4, USER }, { 0x04, 0, ~0U }, { 0x10, 4, ~0U }, { 0x20, 0, ~0U } }
};

static void set(int fd, const char *name, const void *value, size_t len)
{
	if (fsetxattr(fd, name, value, len, 0) < 0)
		wl_pfail("%s", name);
}

static void check(int fd, const char *name, const void *want, size_t len)
{
	char value[LONG + 1];

	if (fgetxattr(fd, name, value, sizeof(value)) != (ssize_t)len || memcmp(value, want, len))
		wl_fail("%s has changed", name);
}

int main(void)
{
	char buf[LONG], list[512], before[512];
	int file, dir;
	ssize_t n;
	pid_t pid;

	umask(0);
	wl_fill(buf, LONG, 1);
	file = wl_try(open("file", O_RDWR | O_CREAT, 0600));
	wl_check_eq(write(file, "text", 4), 4);
	wl_try(mkdir("dir", 0700));
	dir = wl_try(open("dir", O_RDONLY | O_DIRECTORY));
	set(file, "system.posix_acl_access", &acl, sizeof(acl));
	set(dir, "system.posix_acl_access", &acl, sizeof(acl));
	set(dir, "system.posix_acl_default", &acl, sizeof(acl));
	set(file, "trusted.empty", "", 0);
	set(file, "user.binary", "\0\xff\n", 3);
	set(file, "trusted.long", buf, LONG);
	set(dir, "user.of-folder", "x", 1);
	wl_try(unlink("file"));
	wl_try(rmdir("dir"));
	wl_check((n = flistxattr(file, before, sizeof(before))) > 0);
	wl_ready_and_wait();
	wl_check_eq(flistxattr(file, list, sizeof(list)), n);
	check(file, "system.posix_acl_access", &acl, sizeof(acl));
	check(dir, "system.posix_acl_access", &acl, sizeof(acl));
	check(dir, "system.posix_acl_default", &acl, sizeof(acl));
	check(file, "trusted.empty", "", 0);
	check(file, "user.binary", "\0\xff\n", 3);
	check(file, "trusted.long", buf, LONG);
	check(dir, "user.of-folder", "x", 1);
	wl_try(fchmod(wl_try(open(".", O_RDONLY)), 0755));
	pid = wl_fork();
	if (pid == 0) {
		char *path = wl_format("/proc/self/fd/%d", file);

		wl_try(setgid(USER));
		wl_try(setuid(USER));
		wl_check_eq(access(path, R_OK), 0);
		wl_check(access(path, W_OK) < 0 && errno == EACCES);
		_exit(0);
	}
	wl_reap(pid);
	wl_pass();
}
