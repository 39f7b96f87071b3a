/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that the person has declared to come from outside: --external file[MNT:INO] at the dump
 * (both hexadecimal, mount id as in fdinfo), --inherit-fd fd[N]:file[MNT:INO] at the restore.
 * Nothing of them is kept but that name; the entry is one of a regular file with `ext` set,
 * whatever they are. reg.c has the class.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "objects/file/file.h"

#define KEY_SIZE 64

static const char *key_of(const struct file_probe *p, char buf[static KEY_SIZE])
{
	snprintf(buf, KEY_SIZE, "file[%x:%lx]", p->info.mnt_id, (unsigned long)p->stat.st_ino);
	return buf;
}

bool ext_matches(const struct file_probe *p)
{
	const struct options *o = p->task->dump->s->opts;
	char key[KEY_SIZE];

	return o->external.n && p->fd >= 0 && p->link.path[0] == '/' &&
	       options_external(o, key_of(p, key));
}

int ext_fill(struct dump *d, uint32_t id, const struct file_probe *p, RegFileEntry **ret)
{
	RegFileEntry *e = arena_msg(dump_arena(d), RegFileEntry, reg_file_entry);
	char key[KEY_SIZE];

	e->id = id;
	e->flags = p->info.flags & ~O_CLOEXEC;
	e->pos = p->info.pos;
	e->name = arena_strdup(dump_arena(d), key_of(p, key));
	e->has_ext = e->ext = true;
	e->has_mode = true;
	e->mode = p->stat.st_mode;
	*ret = e;
	return fown_collect(d, p, &e->fown);
}

int inherited_fd(struct restore *r, const char *key)
{
	int fd = options_inherit_fd(r->s->opts, key);

	if (fd < 0)
		return -ENOENT;
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(restore_err(r), "fcntl", "can't use what --inherit-fd gives for %s",
			       key);
	return service_fd(r, fd);
}
