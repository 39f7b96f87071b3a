/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answers of earlier runs. The file begins with a key: boot id, kernel release, the binary (by
 * inode, size and change time), effective ids and capabilities, confinement, and the namespaces
 * that the answers depend on. A tool with a seccomp filter around it keeps none. With another key,
 * another size or another owner, the file counts as empty. It is trusted with no more than what to
 * try: a wrong "present" meets the kernel's own refusal.
 */
#include "kernel/probe/features.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

#define MAGIC "crtools features 1\n"

struct cache {
	char magic[24];
	char boot_id[40];
	char release[65];
	char confinement[128]; /* attr/current: the confinement that we run under */
	uint64_t exe_dev, exe_ino, exe_size, exe_ctime;
	uint64_t caps, uid, gid;
	uint64_t ns_user, ns_net, ns_mnt, ns_pid;
	uint32_t count;
	uint8_t state[FEATURE_COUNT];
	int16_t num[FEATURE_COUNT];
};

static void read_line(const char *path, char *text, size_t size)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	if (n > 0)
		text[strcspn(text, "\n")] = '\0';
}

static uint64_t ino_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : st.st_ino;
}

static int make_key(struct cache *c)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };
	struct utsname uts;
	struct stat st;

	memset(c, 0, sizeof(*c)); /* the padding, too: keys are compared as bytes */
	if (uname(&uts) || stat("/proc/self/exe", &st) || syscall(SYS_capget, &head, data))
		return -errno;
	strcpy(c->magic, MAGIC);
	read_line("/proc/sys/kernel/random/boot_id", c->boot_id, sizeof(c->boot_id));
	read_line("/proc/self/attr/current", c->confinement, sizeof(c->confinement));
	memcpy(c->release, uts.release, strnlen(uts.release, sizeof(c->release) - 1));
	c->exe_dev = st.st_dev;
	c->exe_ino = st.st_ino;
	c->exe_size = st.st_size;
	c->exe_ctime = st.st_ctim.tv_sec * UINT64_C(1000000000) + st.st_ctim.tv_nsec;
	c->caps = data[0].effective | (uint64_t)data[1].effective << 32;
	c->uid = geteuid();
	c->gid = getegid();
	c->ns_user = ino_of("/proc/self/ns/user");
	c->ns_net = ino_of("/proc/self/ns/net");
	c->ns_mnt = ino_of("/proc/self/ns/mnt");
	c->ns_pid = ino_of("/proc/self/ns/pid");
	c->count = FEATURE_COUNT;
	return c->boot_id[0] ? 0 : -ENOENT;
}

void features_load(struct features *f, const char *path)
{
	_cleanup_fd_ int fd = -1;
	struct cache key, c;
	struct stat st;

	/* No two seccomp filters can be told from each other. */
	if (err_filtered() || strlen(path) >= sizeof(f->cache) || make_key(&key))
		return;
	strcpy(f->cache, path);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    st.st_mode & 022 || st.st_size != sizeof(c) || read_full(fd, &c, sizeof(c)))
		return;
	if (memcmp(&c, &key, offsetof(struct cache, state)))
		return;
	for (int i = 0; i < FEATURE_COUNT; i++) {
		if (f->state[i] != FEATURE_UNKNOWN || c.state[i] > FEATURE_PRESENT)
			continue;
		f->state[i] = c.state[i];
		f->num[i] = c.num[i];
	}
}

void features_save(struct features *f)
{
	_cleanup_fd_ int fd = -1;
	struct cache c;
	char tmp[sizeof(f->cache) + 16];

	if (!f->cache[0] || !f->dirty || make_key(&c))
		return;
	memcpy(c.state, f->state, sizeof(c.state));
	memcpy(c.num, f->num, sizeof(c.num));
	for (int i = 0; i < FEATURE_COUNT; i++)
		if (f->num[i] == ETIMEDOUT) /* the next run may find it out */
			c.state[i] = FEATURE_UNKNOWN;
	snprintf(tmp, sizeof(tmp), "%s.XXXXXX", f->cache);
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0)
		return;
	if (write_full(fd, &c, sizeof(c)) || rename(tmp, f->cache))
		unlink(tmp);
	else
		f->dirty = false;
}
