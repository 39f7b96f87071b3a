/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever no class claims: refused, each descriptor by its name, so that the report lists all at
 * once. It has to be the last class of the table.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "objects/file/file.h"

#define CLOSE_IT "close it before the dump"

static const struct {
	const char *prefix, *text, *cure;
} known[] = {
	{ "anon_inode:[userfaultfd]",
	  "watches memory by userfaultfd, whose faults and registrations the kernel does not show",
	  "have the program close it; the memory itself is kept" },
	{ "anon_inode:[perf_event]", "is a performance counter, which only the kernel can set",
	  "end the measurement (perf, profiler) before the dump" },
	{ "anon_inode:bpf-prog", "is a BPF program, which can't be read as it was loaded",
	  "pin it in a bpf file system (bpftool prog pin) and have the program close it" },
	{ "anon_inode:bpf_link", "is a BPF link, which ends with its last descriptor",
	  "pin it in a bpf file system (bpftool link pin) and have the program close it" },
	{ "anon_inode:bpf-link", "is a BPF link, which ends with its last descriptor",
	  "pin it in a bpf file system (bpftool link pin) and have the program close it" },
	{ "anon_inode:btf", "is type information of BPF, which the kernel does not load again",
	  CLOSE_IT },
	{ "anon_inode:bpf", "is a BPF object, which this version does not keep", CLOSE_IT },
	{ "anon_inode:[landlock-ruleset]",
	  "is a landlock rule set, whose rules can't be read out of the kernel",
	  "have the program close it, once it has applied it (landlock_restrict_self)" },
	{ "anon_inode:seccomp notify",
	  "listens to a seccomp filter, to which no other listener can be attached",
	  "end the supervised program before the dump" },
	{ "anon_inode:[fscontext]",
	  "is a file system that is being set up or changed (fsopen, fspick), whose parameters the "
	  "kernel does not show",
	  "have the program mount it, or close it, before the dump" },
	{ "anon_inode:kvm",
	  "is a part of a virtual machine of KVM, which only its program can save",
	  "save the machine with its own means (virsh save, a snapshot), and end it" },
	{ "anon_inode:[vfio", "is a device in the hands of VFIO, whose state only it has",
	  "detach the device before the dump" },
	{ "anon_inode:iommufd", "is an IOMMU in the program's hands, which can't be kept",
	  "detach the devices before the dump" },
	{ "anon_inode:dmabuf", "is a buffer of a graphics driver, which can't be kept", CLOSE_IT },
	{ "anon_inode:sync_file", "is a fence of a graphics driver, which can't be kept",
	  CLOSE_IT },
	{ "/dmabuf:", "is a buffer of a graphics driver, which can't be kept", CLOSE_IT },
	{ "/memfd:", "is a memory file that this version does not keep", CLOSE_IT },
	{ "/secretmem", "is secret memory (memfd_secret) opened with O_PATH, which can't be kept",
	  CLOSE_IT },
	{ "/dev/kvm", "is a part of a virtual machine of KVM, which only its program can save",
	  "save the machine with its own means (virsh save, a snapshot), and end it" },
	{ "/dev/fuse", "is the connection of a FUSE server, which the kernel ends with it",
	  "unmount its file system before the dump" },
	{ "/dev/cuse", "is the connection of a CUSE server, which the kernel ends with it",
	  "end the server before the dump" },
	{ "/dev/vhost", "is a part of a virtual machine, which only its program can save",
	  "save the machine with its own means, and end it" },
	{ "/dev/dri/", "is a graphics device, whose driver keeps a state for each open file",
	  "have the program render by itself (LIBGL_ALWAYS_SOFTWARE=1)" },
	{ "/dev/nvidia", "is a graphics device, whose driver keeps a state for each open file",
	  "have the program give the device back before the dump" },
	{ "/dev/snd/", "is a sound device, whose driver keeps a state for each open file",
	  "play through a sound server, or end the sound" },
	{ "/dev/input/", "is an input device, whose driver keeps a state for each open file",
	  CLOSE_IT },
	{ "/dev/vsock", "only tells which machine this is, and is not kept",
	  "have the program close it; sockets of AF_VSOCK are kept" },
	{ "/dev/tty", "is a terminal opened with O_PATH, which this version does not keep",
	  CLOSE_IT },
	{ "/dev/console", "is a terminal opened with O_PATH, which this version does not keep",
	  CLOSE_IT },
};

static const char *reason(const struct file_probe *p)
{
	struct arena *a = dump_arena(p->task->dump);

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
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strncmp(p->link.path, known[i].prefix, strlen(known[i].prefix))) {
			task_refuse(p->task, probe_object(p), known[i].text, known[i].cure);
			return 0;
		}
	task_refuse(p->task, probe_object(p), reason(p), CLOSE_IT);
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
