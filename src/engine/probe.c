/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A descriptor of a frozen task is fetched by pidfd_getfd(2), and what is known of it comes from
 * there, its link in /proc and its fdinfo.
 *
 * Every look below /proc/PID/fd and fdinfo makes the kernel set up an inode for the number, which
 * is the largest part of the cost of an open file. So there is a short way for plain files and
 * pipes: the link of the tool's own number, which stays the same one, tells the same name; position
 * and flags are asked of the fetched description, and closing by exec of the process itself
 * (F_GETFD, by the agent). What fdinfo shows besides are locks; the short way is taken only where
 * /proc/locks says for certain that there are none on the inode. That is so in the first pid
 * namespace, where nothing is left out, and on file systems whose inodes have the numbers that stat
 * tells. All else is read from fdinfo.
 */
#include "engine/probe.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/pidfd.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif
#define PID_NS_FIRST 0xeffffffcu /* PROC_PID_INIT_INO */
/* Fewer are not worth the reading of /proc/locks; more make the agent's program too large. */
#define SHORT_WAY_MIN 12
#define SHORT_WAY_MAX 2048

void prober_begin(struct prober *pr, struct dump *d, size_t n)
{
	/* Asking ext_matches() takes the mount's number; a process that runs has no agent. */
	pr->short_way = !d->examining && !d->s->opts->external.n && n >= SHORT_WAY_MIN &&
			n <= SHORT_WAY_MAX && d->own_ns.ino[NS_PID] == PID_NS_FIRST;
	if (!pr->short_way)
		return;
	if (!pr->asked_locks)
		pr->knows_locks = proc_locked(dump_arena(d), &pr->locked) == 0;
	pr->asked_locks = true;
	if (pr->self_fd < 0 && pr->knows_locks)
		pr->self_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	pr->short_way = pr->self_fd >= 0;
}

void prober_end(struct prober *pr)
{
	hash_free(&pr->fs_magic);
	close_fd(&pr->self_fd);
}

static uint32_t fs_magic_of(struct prober *pr, struct arena *a, int fd, const struct stat *st)
{
	uint32_t *known = hash_get(&pr->fs_magic, st->st_dev);
	struct statfs fs;

	if (known)
		return *known;
	if (fstatfs(fd, &fs) < 0)
		return 0;
	known = arena_new(a, uint32_t);
	*known = fs.f_type;
	hash_put(&pr->fs_magic, st->st_dev, known);
	return *known;
}

static bool is_plain(const struct file_probe *p)
{
	if (S_ISFIFO(p->stat.st_mode))
		return p->fs_magic == PIPEFS_MAGIC;
	return S_ISREG(p->stat.st_mode) &&
	       (p->fs_magic == EXT4_SUPER_MAGIC || p->fs_magic == XFS_SUPER_MAGIC ||
		p->fs_magic == TMPFS_MAGIC);
}

/* false: the long way has to be gone. */
static bool look_shortly(const struct prober *pr, struct arena *a, struct file_probe *p)
{
	struct proc self = { .fd = pr->self_fd };
	off_t pos = 0;
	char number[16];
	int flags;

	if (!pr->short_way || !is_plain(p) || proc_locked_has(&pr->locked, p->stat.st_ino))
		return false;
	flags = fcntl(p->local, F_GETFL);
	if (flags < 0 || flags & O_PATH)
		return false;
	if (S_ISREG(p->stat.st_mode))
		pos = lseek(p->local, 0, SEEK_CUR);
	snprintf(number, sizeof(number), "%d", p->local);
	if (pos < 0 || proc_readlink(&self, number, a, &p->link, NULL) < 0)
		return false;
	p->info = (struct proc_fdinfo){ .pos = pos,
					.flags = flags & ~O_CLOEXEC,
					.mnt_id = -1,
					.ino = p->stat.st_ino,
					.text = "" };
	return true;
}

int probe_fd(struct prober *pr, struct dump_task *t, int fd, struct file_probe *p,
	     bool *ret_ask_cloexec)
{
	struct arena *a = dump_arena(t->dump);
	struct err *err = dump_err(t->dump);
	char magic[32];
	int ret = 0;

	snprintf(magic, sizeof(magic), "fd/%d", fd);
	*p = (struct file_probe){
		.task = t, .fd = fd, .local = -1, .magic = arena_strdup(a, magic)
	};
	*ret_ask_cloexec = false;
	/* Of a running process a descriptor may vanish, which is told by its link. */
	if (!pr->short_way)
		ret = proc_readlink(&t->stop->proc, magic, a, &p->link, err);
	if (ret < 0)
		return ret;
	p->local = pidfd_get(t->stop->pidfd, fd, err);
	if (p->local < 0)
		return p->local;
	if (fstat(p->local, &p->stat) < 0)
		return err_sys(err, "fstat", "can't examine descriptor %d (%s)", fd, magic);
	p->fs_magic = fs_magic_of(pr, a, p->local, &p->stat);
	*ret_ask_cloexec = look_shortly(pr, a, p);
	if (!*ret_ask_cloexec) {
		if (!p->link.path)
			ret = proc_readlink(&t->stop->proc, magic, a, &p->link, err);
		if (ret == 0)
			ret = proc_fdinfo(&t->stop->proc, fd, a, &p->info, err);
	}
	p->anon = ret == 0 && !strncmp(p->link.path, "anon_inode:", 11);
	return ret;
}

void emit_asked_fds(struct dump_task *t)
{
	struct dump_table *table = t->table;

	if (table->owner != t || !table->n_asked)
		return;
	program_note(t->threads[0].prog, "descriptor flags");
	for (size_t i = 0; i < table->n_asked; i++)
		table->asked[i].id = program_do(t->threads[0].prog, SYS_fcntl,
						IMM(table->asked[i].e->fd), IMM(F_GETFD));
}

void absorb_asked_fds(struct dump_task *t)
{
	struct dump_table *table = t->table;

	if (table->owner != t)
		return;
	for (size_t i = 0; i < table->n_asked; i++)
		table->asked[i].e->flags = program_result(t->threads[0].prog, table->asked[i].id) &
					   FD_CLOEXEC;
}
