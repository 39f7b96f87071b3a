/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A descriptor of a frozen task is fetched by pidfd_getfd(2), and what is known of it comes from
 * there, its link in /proc and its fdinfo.
 *
 * Every look below /proc/PID/fd and fdinfo makes the kernel set up an inode for the number, which
 * is the largest part of the cost of an open file. So there is a short way for plain files,
 * pipes, sockets, and of the files without a name eventfds, timerfds and signalfds: link and fdinfo
 * of the tool's own number, which is nearly always the same one, so that its fdinfo stays open and
 * is read again (seq_show() in fs/proc/fd.c looks the number up at each read). It shows the same of
 * the description: name, position, flags, and the locks and leases that belong to it. The link of a
 * pipe or socket is made of its inode's number alone (pipefs_dname() in fs/pipe.c, sockfs_dname()
 * in net/socket.c), and is not read at all. Two things belong to the task's table, and are asked in
 * other ways: closing by exec (F_GETFD, by the agent), and POSIX locks: if F_GETLK, which the tool
 * asks as a stranger, finds any on the inode, the task's own fdinfo is read. That answer is the
 * kernel's on file systems without a lock operation of their own. /proc/locks would be no help:
 * reading it waits for an RCU grace period.
 *
 * The listing of /proc/PID/fd costs such an inode for each number as well, and the end of the
 * process another look at each to get rid of it. So numbers are tried where the kernel tells how
 * many there are (st_size of that folder, Linux 6.2).
 */
#include "engine/dump/probe.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kernel/inode.h"
#include "kernel/kcmp.h"
#include "kernel/pidfd.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif
#ifndef SOCKFS_MAGIC
#define SOCKFS_MAGIC 0x534f434b
#endif
#ifndef ANON_INODE_FS_MAGIC
#define ANON_INODE_FS_MAGIC 0x09041934
#endif
#define OWN_FDINFO_MAX 2048 /* much longer than without locks */
/* Fewer are not worth it; more make the agent's program too large. */
#define SHORT_WAY_MIN 12
#define SHORT_WAY_MAX 2048
#define GAPS_MAX      256 /* numbers without a file, among those that are tried */

/* The kernel before 6.2 says 0. */
static size_t open_numbers(const struct dump_task *t)
{
	struct stat st;

	return fstatat(t->stop->proc.fd, "fd", &st, 0) < 0 || st.st_size < 0 ? 0 : st.st_size;
}

static bool is_open(const struct dump_task *t, int fd)
{
	int order;

	return kcmp_files(t->stop->via, fd, t->stop->via, fd, &order, NULL) == 0;
}

/* The open numbers by trying, and in *ret_fds nothing where that is no good. */
static void try_numbers(struct dump_task *t, struct proc_fds *ret_fds)
{
	size_t n = open_numbers(t);
	struct proc_fds found = { 0 };

	*ret_fds = found;
	if (t->dump->examining || n < SHORT_WAY_MIN || n > SHORT_WAY_MAX)
		return;
	found.fds = arena_array(dump_arena(t->dump), int, n);
	for (size_t fd = 0; found.n < n && fd < n + GAPS_MAX; fd++)
		if (is_open(t, fd))
			found.fds[found.n++] = fd;
	if (found.n == n)
		*ret_fds = found;
}

int probe_numbers(struct dump_task *t, struct proc_fds *ret_fds)
{
	try_numbers(t, ret_fds);
	if (ret_fds->n)
		return 0;
	return proc_fds(&t->stop->proc, dump_arena(t->dump), ret_fds, dump_err(t->dump));
}

void prober_begin(struct prober *pr, struct dump *d, size_t n)
{
	/* A process that runs has no agent. */
	pr->short_way = !d->examining && n >= SHORT_WAY_MIN && n <= SHORT_WAY_MAX;
	if (pr->short_way && pr->self_fd < 0)
		pr->self_fd = open("/proc/thread-self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	pr->short_way = pr->short_way && pr->self_fd >= 0;
}

void prober_end(struct prober *pr)
{
	hash_free(&pr->fs_magic);
	close_fd(&pr->self_fd);
	close_fd(&pr->fdinfo);
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
	if (p->fs_magic == ANON_INODE_FS_MAGIC)
		return true; /* by its link: is_plain_anon() */
	if (S_ISFIFO(p->stat.st_mode))
		return p->fs_magic == PIPEFS_MAGIC;
	if (S_ISSOCK(p->stat.st_mode))
		return p->fs_magic == SOCKFS_MAGIC;
	return S_ISREG(p->stat.st_mode) &&
	       (p->fs_magic == EXT4_SUPER_MAGIC || p->fs_magic == XFS_SUPER_MAGIC ||
		p->fs_magic == TMPFS_MAGIC);
}

/* What the fdinfo of others shows may be long, or be different for different readers. */
static bool is_plain_anon(const struct proc_link *link)
{
	static const char *const plain[] = { "[eventfd]", "[timerfd]", "[signalfd]" };
	const size_t prefix = strlen("anon_inode:");

	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		if (!strncmp(link->path, "anon_inode:", prefix) &&
		    !strcmp(link->path + prefix, plain[i]))
			return true;
	return false;
}

static bool has_posix_lock(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}

static bool read_own_fdinfo(struct prober *pr, struct arena *a, int fd, struct proc_fdinfo *ret)
{
	char text[OWN_FDINFO_MAX];
	ssize_t n;

	if (pr->fdinfo < 0 || pr->fdinfo_of != fd) {
		char name[32];

		close_fd(&pr->fdinfo);
		snprintf(name, sizeof(name), "/proc/thread-self/fdinfo/%d", fd);
		pr->fdinfo = open(name, O_RDONLY | O_CLOEXEC);
		pr->fdinfo_of = fd;
	}
	n = pr->fdinfo < 0 ? -1 : pread(pr->fdinfo, text, sizeof(text), 0);
	return n > 0 && n < (ssize_t)sizeof(text) && proc_fdinfo_parse(a, text, n, ret) == 0;
}

static bool read_own_link(struct prober *pr, struct arena *a, const struct file_probe *p,
			  struct proc_link *ret)
{
	struct proc self = { .fd = pr->self_fd };
	char text[32];
	int n;

	if (S_ISFIFO(p->stat.st_mode) || S_ISSOCK(p->stat.st_mode)) {
		n = snprintf(text, sizeof(text), "%s:[%llu]",
			     S_ISFIFO(p->stat.st_mode) ? "pipe" : "socket",
			     (unsigned long long)p->stat.st_ino);
		proc_link_parse(a, text, n, ret);
		return true;
	}
	snprintf(text, sizeof(text), "%d", p->local);
	return proc_readlink(&self, text, a, ret, NULL) == 0;
}

static int socket_domain(int fd)
{
	int domain;
	socklen_t len = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ? -1 : domain;
}

/* false: the long way has to be gone. */
static bool look_shortly(struct prober *pr, struct arena *a, struct file_probe *p)
{
	if (!pr->short_way || !is_plain(p) || has_posix_lock(p->local))
		return false;
	if (!read_own_link(pr, a, p, &p->link))
		return false;
	if (p->fs_magic == ANON_INODE_FS_MAGIC && !is_plain_anon(&p->link))
		return false;
	if (!read_own_fdinfo(pr, a, p->local, &p->info))
		return false;
	p->info.flags &= ~O_CLOEXEC; /* the tool's */
	return true;
}

static int look_long(const struct reader *r, struct dump_task *t, struct file_probe *p)
{
	struct proc proc = t->stop->proc;
	int ret = 0;

	proc.buf = r->buf;
	if (!p->link.path)
		ret = proc_readlink(&proc, p->magic, r->arena, &p->link, r->err);
	return ret < 0 ? ret : proc_fdinfo(&proc, p->fd, r->arena, &p->info, r->err);
}

int probe_fd(struct prober *pr, const struct reader *r, struct dump_task *t, int fd,
	     struct file_probe *p, bool *ret_ask_cloexec)
{
	char magic[32];
	int ret = 0;

	snprintf(magic, sizeof(magic), "fd/%d", fd);
	*p = (struct file_probe){ .task = t,
				  .fd = fd,
				  .local = -1,
				  .magic = arena_strdup(r->arena, magic),
				  .domain = -1 };
	*ret_ask_cloexec = false;
	/* Of a running process a descriptor may vanish, which is told by its link. */
	if (!pr->short_way)
		ret = proc_readlink(&t->stop->proc, magic, r->arena, &p->link, r->err);
	if (ret < 0)
		return ret;
	p->local = pidfd_get(t->stop->pidfd, fd, r->err);
	if (p->local < 0)
		return p->local;
	if (inode_stat(p->local, "", AT_EMPTY_PATH, &p->stat, &p->attributes) < 0)
		return err_sys(r->err, "statx", "can't examine descriptor %d (%s)", fd, magic);
	p->fs_magic = fs_magic_of(pr, r->arena, p->local, &p->stat);
	*ret_ask_cloexec = look_shortly(pr, r->arena, p);
	if (!*ret_ask_cloexec)
		ret = look_long(r, t, p);
	if (ret < 0)
		return ret;
	p->anon = !strncmp(p->link.path, "anon_inode:", 11);
	if (S_ISSOCK(p->stat.st_mode) && !(p->info.flags & O_PATH))
		p->domain = socket_domain(p->local);
	return 0;
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
