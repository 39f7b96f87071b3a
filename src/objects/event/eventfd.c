/* SPDX-License-Identifier: Apache-2.0 */
/*
 * eventfd(2): a counter that write adds to and read takes, all of it or (EFD_SEMAPHORE) one at a
 * time.
 *
 * fdinfo shows the counter, and since Linux 6.5 whether it is a semaphore; the images have
 * that among the flags, where O_WRONLY would be.
 *
 * Kept: counter, semaphore, status flags, owner.
 */
#include <fcntl.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "objects/event/event.h"

/* Only the kernel itself can drive the counter one further (eventfd_signal()). */
#define WRITE_MAX (UINT64_MAX - 1)

static bool eventfd_match(const struct file_probe *p)
{
	return event_is(p, "[eventfd]");
}

static int eventfd_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	EventfdFileEntry *e = arena_msg(dump_arena(d), EventfdFileEntry, eventfd_file_entry);
	uint64_t semaphore = 0;
	int ret = event_num(d, p, "eventfd-count", 16, &e->counter);

	if (ret < 0)
		return ret;
	if (proc_fdinfo_num(&p->info, "eventfd-semaphore", 10, &semaphore) < 0)
		task_warn(
			p->task, probe_object(p),
			"this kernel does not tell whether it is a semaphore (EFD_SEMAPHORE): it will be none",
			"use Linux 6.5 or later");
	f->entry->efd = e;
	e->id = f->entry->id;
	e->flags = (p->info.flags & ~O_CLOEXEC) | (semaphore ? EFD_SEMAPHORE : 0);
	return fown_collect(d, p, &e->fown);
}

static int eventfd_check(struct restore *r, struct restore_file *f)
{
	const EventfdFileEntry *e = f->entry->efd;

	return event_check(r, f, e, e ? e->id : 0, e ? e->fown : NULL);
}

static int eventfd_open(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	const EventfdFileEntry *e = f->entry->efd;
	uint64_t count = e->counter <= WRITE_MAX ? e->counter : WRITE_MAX;
	bool small = count <= UINT32_MAX; /* the call itself takes no more */
	int flags = e->flags & (EFD_SEMAPHORE | EFD_NONBLOCK), ret = 0;
	_cleanup_fd_ int fd =
		eventfd(small ? count : 0, flags | restore_cloexec(t, f, EFD_CLOEXEC));

	if (fd < 0)
		return err_sys(restore_err(t->r), "eventfd", "can't make eventfd %u", f->id);
	if (!small && write(fd, &count, sizeof(count)) < 0)
		return err_sys(restore_err(t->r), "write", "can't set the counter of eventfd %u",
			       f->id);
	if (e->flags & ~(O_ACCMODE | EFD_SEMAPHORE | EFD_NONBLOCK))
		ret = event_set_flags(t, f, e->flags, fd);
	if (ret == 0)
		*ret_fd = TAKE_FD(fd);
	return ret;
}

static int eventfd_attach(struct restore_task *t, struct restore_file *f, int fd)
{
	return fown_attach(t, f, f->entry->efd->fown, 0, fd);
}

const struct file_class eventfd_class = {
	.name = "eventfd",
	.type = FD_TYPES__EVENTFD,
	.match = eventfd_match,
	.collect = eventfd_collect,
	.check = eventfd_check,
	.open = eventfd_open,
	.attach = eventfd_attach,
};
