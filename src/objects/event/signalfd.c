/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signalfd(2): reads the pending signals of whoever reads, as far as they are in a mask. It has no
 * other state: the signals are the tasks' own, and stay pending there.
 *
 * Kept: mask, status flags, owner.
 */
#include <fcntl.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "objects/event/event.h"

static bool signalfd_match(const struct file_probe *p)
{
	return event_is(p, "[signalfd]");
}

static int signalfd_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	SignalfdEntry *e = arena_msg(dump_arena(d), SignalfdEntry, signalfd_entry);
	int ret = event_num(d, p, "sigmask", 16, &e->sigmask);

	if (ret < 0)
		return ret;
	f->entry->sgfd = e;
	e->id = f->entry->id;
	e->flags = p->info.flags & ~O_CLOEXEC;
	return fown_collect(d, p, &e->fown);
}

static int signalfd_check(struct restore *r, struct restore_file *f)
{
	const SignalfdEntry *e = f->entry->sgfd;

	return event_check(r, f, e, e ? e->id : 0, e ? e->fown : NULL);
}

static int signalfd_open(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	const SignalfdEntry *e = f->entry->sgfd;
	/* The mask is the kernel's 64 bits, not the C library's sigset_t. */
	_cleanup_fd_ int fd =
		syscall(SYS_signalfd4, -1, &e->sigmask, sizeof(e->sigmask), O_CLOEXEC);
	int ret;

	if (fd < 0)
		return err_sys(restore_err(t->r), "signalfd4", "can't make signalfd %u", f->id);
	ret = event_set_flags(t, f, e->flags, fd);
	if (ret == 0)
		*ret_fd = TAKE_FD(fd);
	return ret;
}

static int signalfd_attach(struct restore_task *t, struct restore_file *f, int fd)
{
	return fown_attach(t, f, f->entry->sgfd->fown, 0, fd);
}

const struct file_class signalfd_class = {
	.name = "signalfd",
	.type = FD_TYPES__SIGNALFD,
	.match = signalfd_match,
	.collect = signalfd_collect,
	.check = signalfd_check,
	.open = signalfd_open,
	.attach = signalfd_attach,
};
