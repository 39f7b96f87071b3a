/* SPDX-License-Identifier: Apache-2.0 */
/* Probes of privileges, in the user namespace that the tool runs in. */
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/probe/probe.h"

#define INIT_USERNS_INO 0xEFFFFFFDU /* PROC_USER_INIT_INO, linux/proc_ns.h */

/* CAP_… of Linux 5.8 and 5.9. */
#define CAP_BPF_		39
#define CAP_CHECKPOINT_RESTORE_ 40

static bool has_cap(int cap)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	if (syscall(SYS_capget, &head, data))
		return false;
	return data[cap / 32].effective >> (cap % 32) & 1;
}

static int need_cap(int cap)
{
	return has_cap(cap) ? 0 : EPERM;
}

PROBE(CAP_CHECKPOINT_RESTORE)
{
	return has_cap(CAP_SYS_ADMIN) ? 0 : need_cap(CAP_CHECKPOINT_RESTORE_);
}

PROBE(CAP_BPF)
{
	return has_cap(CAP_SYS_ADMIN) ? 0 : need_cap(CAP_BPF_);
}
PROBE(CAP_SYS_PTRACE)
{
	return need_cap(CAP_SYS_PTRACE);
}
PROBE(CAP_SYS_ADMIN)
{
	return need_cap(CAP_SYS_ADMIN);
}
PROBE(CAP_SYS_RESOURCE)
{
	return need_cap(CAP_SYS_RESOURCE);
}
PROBE(CAP_NET_ADMIN)
{
	return need_cap(CAP_NET_ADMIN);
}
PROBE(CAP_NET_RAW)
{
	return need_cap(CAP_NET_RAW);
}
PROBE(CAP_SYS_CHROOT)
{
	return need_cap(CAP_SYS_CHROOT);
}
PROBE(CAP_SETUID)
{
	return need_cap(CAP_SETUID);
}
PROBE(CAP_SETGID)
{
	return need_cap(CAP_SETGID);
}
PROBE(CAP_SETPCAP)
{
	return need_cap(CAP_SETPCAP);
}
PROBE(CAP_SYS_NICE)
{
	return need_cap(CAP_SYS_NICE);
}
PROBE(CAP_DAC_OVERRIDE)
{
	return need_cap(CAP_DAC_OVERRIDE);
}
PROBE(CAP_SYS_TIME)
{
	return need_cap(CAP_SYS_TIME);
}
PROBE(CAP_AUDIT_CONTROL)
{
	return need_cap(CAP_AUDIT_CONTROL);
}
PROBE(CAP_IPC_OWNER)
{
	return need_cap(CAP_IPC_OWNER);
}
PROBE(CAP_MKNOD)
{
	return need_cap(CAP_MKNOD);
}

PROBE(INIT_USERNS)
{
	struct stat st;

	if (stat("/proc/self/ns/user", &st))
		return errno == ENOENT ? 0 : errno; /* no CONFIG_USER_NS: there is but one */
	return st.st_ino == INIT_USERNS_INO ? 0 : EPERM;
}

PROBE(ROOT)
{
	return geteuid() ? EPERM : 0;
}

static int read_small(const char *path, char *text, size_t size)
{
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return errno;
	n = read(fd, text, size - 1);
	if (n < 0)
		return errno;
	text[n] = '\0';
	return 0;
}

PROBE(PTRACE_SCOPE)
{
	char scope[16];
	int e = read_small("/proc/sys/kernel/yama/ptrace_scope", scope, sizeof(scope));

	if (e == ENOENT) /* no Yama */
		return 0;
	return e ? e : scope[0] == '0' ? 0 : EPERM;
}

PROBE(NO_LOCKDOWN)
{
	char modes[64];
	int e = read_small("/sys/kernel/security/lockdown", modes, sizeof(modes));

	if (e == ENOENT)
		return 0;
	return e ? e : strstr(modes, "[confidentiality]") ? EPERM : 0;
}
