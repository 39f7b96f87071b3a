/* SPDX-License-Identifier: Apache-2.0 */
/* See event.h. */
#include "objects/event/event.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* What F_SETFL can change on an anonymous inode; it takes O_DIRECT and O_ASYNC for none of them. */
#define STATUS_FLAGS (O_NONBLOCK | O_APPEND | O_NOATIME)

bool event_is(const struct file_probe *p, const char *name)
{
	const size_t prefix = strlen("anon_inode:");

	return p->fd >= 0 && p->anon && !(p->info.flags & O_PATH) &&
	       !strcmp(p->link.path + prefix, name);
}

int event_num(struct dump *d, const struct file_probe *p, const char *key, int base, uint64_t *ret)
{
	int e = proc_fdinfo_num(&p->info, key, base, ret);

	if (e < 0)
		return err_set(dump_err(d), ERR_KERNEL, -e, "fdinfo of %s shows no %s",
			       probe_object(p), key);
	return 0;
}

int event_check(struct restore *r, struct restore_file *f, const void *entry, uint32_t id,
		const FownEntry *fown)
{
	if (!entry || id != f->id || !fown)
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "files.img: the entry of %s %u makes no sense", f->class->name,
			       f->id);
	if (fown_is_set(fown))
		fown_check(r, f, fown,
			   arena_printf(restore_arena(r), "%s %u", f->class->name, f->id));
	return 0;
}

int event_set_flags(struct restore_task *t, const struct restore_file *f, uint32_t flags, int fd)
{
	int now = fcntl(fd, F_GETFL), want;

	want = (now & ~STATUS_FLAGS) | (flags & STATUS_FLAGS);
	if (now >= 0 && (now == want || fcntl(fd, F_SETFL, want) == 0))
		return 0;
	return err_sys(restore_err(t->r), "fcntl", "can't set the flags of %s %u to 0%o",
		       f->class->name, f->id, flags);
}
