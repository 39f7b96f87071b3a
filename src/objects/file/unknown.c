/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever no class claims: refused, each descriptor by its name, so that the report lists all at
 * once. It has to be the last class of the table.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "objects/file/file.h"

#define MQUEUE_MAGIC 0x19800202

static const struct {
	const char *prefix, *text;
} known[] = {
	{ "socket:[", "sockets of this family are not kept by this version" },
	{ "anon_inode:[fanotify]", "fanotify descriptors are not kept by this version" },
	{ "anon_inode:[io_uring]", "io_uring descriptors are not kept by this version" },
	{ "anon_inode:[userfaultfd]",
	  "memory watched by userfaultfd is served by a state that the kernel does not show" },
	{ "anon_inode:[perf_event]",
	  "performance counters live in the kernel and can't be read out" },
	{ "anon_inode:bpf", "BPF objects are not kept by this version" },
	{ "anon_inode:[landlock-ruleset]", "landlock rule sets can't be read out of the kernel" },
	{ "anon_inode:seccomp notify", "a seccomp listener can't be attached to its filter again" },
	{ "anon_inode:kvm", "virtual machines of KVM are not kept" },
	{ "/memfd:", "descriptors of memory files (memfd) are not kept by this version" },
	{ "/dev/kvm", "virtual machines of KVM are not kept" },
	{ "/dev/fuse", "connections of FUSE servers are not kept" },
	{ "/dev/net/tun", "tun and tap devices are not kept by this version" },
	{ "/dev/tty", "virtual consoles and serial lines are not kept by this version" },
	{ "/dev/console", "the console is not kept by this version" },
	{ "net:[", "descriptors of namespaces are not kept by this version" },
	{ "mnt:[", "descriptors of namespaces are not kept by this version" },
	{ "pid:[", "descriptors of namespaces are not kept by this version" },
	{ "user:[", "descriptors of namespaces are not kept by this version" },
	{ "uts:[", "descriptors of namespaces are not kept by this version" },
	{ "ipc:[", "descriptors of namespaces are not kept by this version" },
	{ "cgroup:[", "descriptors of namespaces are not kept by this version" },
	{ "time:[", "descriptors of namespaces are not kept by this version" },
};

static const char *reason(const struct file_probe *p)
{
	struct arena *a = dump_arena(p->task->dump);

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strncmp(p->link.path, known[i].prefix, strlen(known[i].prefix)))
			return known[i].text;
	if (p->fs_magic == MQUEUE_MAGIC)
		return "POSIX message queues are not kept by this version";
	if (S_ISCHR(p->stat.st_mode))
		return arena_printf(
			a,
			"the driver of the device %u:%u may keep a state for each open file, "
			"which can't be read out of the kernel",
			major(p->stat.st_rdev), minor(p->stat.st_rdev));
	if (p->info.flags & O_PATH)
		return "O_PATH descriptors of what has no path are not kept by this version";
	return "this version knows no way to keep this kind of descriptor";
}

static bool unknown_match(const struct file_probe *p)
{
	(void)p;
	return true;
}

static int unknown_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	(void)d;
	(void)f;
	task_refuse(p->task, probe_object(p), reason(p), "close it before the dump");
	return 0;
}

/* A dump that met one was refused: no image of ours has such an entry. */
static int unknown_check(struct restore *r, struct restore_file *f)
{
	return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL, "files.img: file %u has no type",
		       f->id);
}

const struct file_class unknown_class = {
	.name = "unknown",
	.type = FD_TYPES__UND,
	.match = unknown_match,
	.collect = unknown_collect,
	.check = unknown_check,
};
