/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fanotify_init(2): a group with marks on inodes, mounts and file systems, and a queue of events.
 *
 * fdinfo shows the flags of the group and of the files in its events, and of each mark the inode
 * and its handle, the mount, or the device, with both masks and flags (fs/notify/fdinfo.c). The
 * marks are made again by the tool when the programs of all tasks have ended, so that nothing the
 * restore opens or closes is an event; the oldest first, as fdinfo shows the newest first.
 *
 * That a group was made without CAP_SYS_ADMIN, and so tells no ids of other processes, is not
 * visible: it is taken for so where a task without that capability has it, and its flags allow it.
 *
 * CRIU's format has no marks on file systems. They stand there as ones on a mount of it, with
 * FAN_MARK_FILESYSTEM among their flags.
 *
 * Not kept: events that nobody has read; reading them would take them from a program that goes on.
 * Refused: unread events in a group that is asked for permission, as others wait for the answers;
 * questions, as crtools may have to open what they are about, and the program that is to answer
 * stands still; marks on mount namespaces (Linux 6.14).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "objects/event/event.h"
#include "objects/event/watched.h"

#define PRE_ACCESS 0x00100000 /* FAN_PRE_ACCESS, Linux 6.14 */
#define QUESTIONS  (FAN_OPEN_PERM | FAN_ACCESS_PERM | FAN_OPEN_EXEC_PERM | PRE_ACCESS)
#define MARK	   "fanotify "

/* --- dump ----------------------------------------------------------------------------------------
 */

static bool fanotify_match(const struct file_probe *p)
{
	return event_is(p, "[fanotify]");
}

/* Whom a refusal names when all files are known. */
struct holder {
	struct dump_task *task;
	const char *object;
};

static void refuse_mark(const struct holder *h, const FanotifyMarkEntry *m, const char *why)
{
	struct dump *d = h->task->dump;

	task_refuse(h->task, h->object,
		    arena_printf(dump_arena(d), "has a mark (mask %x) that %s", m->mask, why),
		    "remove the mark before the dump");
}

/* What the mark is on, of "ino:… sdev:… mflags:… … fhandle-…", "mnt_id:… mflags:…", or "sdev:…". */
static bool collect_target(struct dump *d, const struct holder *h, const char *text,
			   FanotifyMarkEntry *m)
{
	struct arena *a = dump_arena(d);
	unsigned int number;
	int found;

	m->type = MARK_TYPE__MOUNT;
	if (sscanf(text, MARK "mnt_id:%x", &number) == 1) {
		m->me = arena_msg(a, FanotifyMountMarkEntry, fanotify_mount_mark_entry);
		m->me->mnt_id = number;
		return true;
	}
	if (sscanf(text, MARK "sdev:%x", &number) == 1) {
		m->me = arena_msg(a, FanotifyMountMarkEntry, fanotify_mount_mark_entry);
		m->s_dev = number;
		m->mflags |= FAN_MARK_FILESYSTEM;
		return true;
	}
	m->type = MARK_TYPE__INODE;
	m->ie = arena_msg(a, FanotifyInodeMarkEntry, fanotify_inode_mark_entry);
	found = watched_parse(d, text, strlen(text), &m->ie->i_ino, &m->s_dev, &m->ie->f_handle);
	if (found < 0)
		refuse_mark(h, m,
			    found == -EBADMSG
				    ? arena_printf(a, "this version does not know (%s)", text)
				    : arena_printf(a, "is on a file that %s",
						   watched_why_not(found)));
	return found == 0;
}

static void collect_mark(struct dump *d, const struct holder *h, FanotifyFileEntry *e,
			 const char *text)
{
	struct arena *a = dump_arena(d);
	FanotifyMarkEntry *m = arena_msg(a, FanotifyMarkEntry, fanotify_mark_entry);
	const char *masks = strstr(text, " mflags:");

	m->id = e->id;
	if (!masks || sscanf(masks, " mflags:%x mask:%x ignored_mask:%x", &m->mflags, &m->mask,
			     &m->ignored_mask) != 3) {
		task_refuse(h->task, h->object, "has a mark that fdinfo shows in an unknown way",
			    "close it before the dump");
		return;
	}
	if (!collect_target(d, h, text, m))
		return;
	if (m->mask & QUESTIONS)
		refuse_mark(h, m,
			    "asks for permission to use files: crtools itself, if it opens one, "
			    "would wait for the answer of a program that stands still");
	arena_push(a, e->mark, e->n_mark, m);
}

/* FIONREAD counts the events, not what they have beside their heads. */
static void judge_unread(const struct file_probe *p, const FanotifyFileEntry *e)
{
	bool asked = e->faflags & (FAN_CLASS_CONTENT | FAN_CLASS_PRE_CONTENT);
	int waiting = 0;
	const char *text;

	if (ioctl(probe_local(p), FIONREAD, &waiting) < 0 || !waiting)
		return;
	text = arena_printf(dump_arena(p->task->dump), "has %d events that nobody has read%s",
			    waiting / (int)FAN_EVENT_METADATA_LEN,
			    asked ? ", and others may wait for an answer to them"
				  : "; they are lost");
	if (asked)
		task_refuse(p->task, probe_object(p), text, "have them read before the dump");
	else
		task_warn(p->task, probe_object(p), text, "have them read before the dump");
}

static int fanotify_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	struct arena *a = dump_arena(d);
	FanotifyFileEntry *e = arena_msg(a, FanotifyFileEntry, fanotify_file_entry);
	struct holder *h = arena_new(a, struct holder);
	const char *line = strstr(p->info.text, MARK "flags:");

	*h = (struct holder){ p->task, probe_object(p) };
	f->priv = h;
	f->entry->ffy = e;
	e->id = f->entry->id;
	e->flags = p->info.flags & ~O_CLOEXEC;
	if (!line || sscanf(line, MARK "flags:%x event-flags:%x", &e->faflags, &e->evflags) != 2)
		return err_set(dump_err(d), ERR_KERNEL, EBADMSG, "fdinfo of %s shows no flags",
			       h->object);
	while ((line = strstr(line + 1, MARK)))
		collect_mark(d, h, e, arena_printf(a, "%.*s", (int)strcspn(line, "\n"), line));
	watched_judge_flight(p, e->n_mark);
	judge_unread(p, e);
	return fown_collect(d, p, &e->fown);
}

static int fanotify_relate(struct dump *d, struct dump_file *f)
{
	FanotifyFileEntry *e = f->entry->ffy;

	for (size_t i = 0; i < e->n_mark; i++) {
		FanotifyMarkEntry *m = e->mark[i];
		int found = 0;

		if (m->ie)
			found = watched_find(d, m->ie->f_handle, m->ie->i_ino, m->s_dev);
		else
			found = watched_find_mount(d, m->me, m->s_dev);
		if (found < 0)
			refuse_mark(f->priv, m,
				    m->ie ? arena_printf(dump_arena(d), "is on a file that %s",
							 watched_why_not(found))
					  : "is on a mount or file system that no path leads to");
	}
	return 0;
}

/* --- restore
 * --------------------------------------------------------------------------------------- */

static const char *mark_path(struct restore *r, const FanotifyMarkEntry *m, const char **ret_why)
{
	if (m->ie)
		return watched_path(r, m->ie->f_handle, m->ie->i_ino, m->s_dev, ret_why);
	return watched_mount_path(r, m->me, ret_why);
}

static bool makes_sense(const FanotifyMarkEntry *m)
{
	if (!m->mask && !m->ignored_mask)
		return false;
	return m->type == MARK_TYPE__INODE ? m->ie && m->ie->f_handle && !m->me
					   : m->type == MARK_TYPE__MOUNT && m->me && !m->ie;
}

/* Flags are judged before descriptors: a mark of nothing tells whether the kernel knows its own. */
static bool mark_is_known(const FanotifyMarkEntry *m, int group)
{
	uint32_t how = m->mflags & (FAN_MARK_IGNORE | FAN_MARK_EVICTABLE | FAN_MARK_FILESYSTEM);
	uint32_t mask = m->mask ? m->mask : m->ignored_mask;

	return !mask || fanotify_mark(group, FAN_MARK_ADD | how, mask, -1, NULL) == 0 ||
	       errno != EINVAL;
}

/* Most flags are younger than the call. What the tool itself lacks (EPERM) is told when it is made:
 * the task may have it. */
static void check_kernel(struct restore *r, const struct restore_file *f,
			 const FanotifyFileEntry *e)
{
	const char *object = arena_printf(restore_arena(r), "fanotify %u", f->id);
	_cleanup_fd_ int fd = fanotify_init(e->faflags | FAN_CLOEXEC, e->evflags);

	if (fd < 0 && (errno == EINVAL || errno == ENOSYS)) {
		report_refuse(&r->s->report, 0, object,
			      arena_printf(restore_arena(r),
					   "was made with the flags %x, which this kernel does not "
					   "know",
					   e->faflags),
			      "restore on a kernel that is not older than that of the dump");
		return;
	}
	for (size_t i = 0; fd >= 0 && i < e->n_mark; i++)
		if (!mark_is_known(e->mark[i], fd)) {
			report_refuse(
				&r->s->report, 0, object,
				arena_printf(restore_arena(r),
					     "has a mark with the mask %x and the flags %x, "
					     "which this kernel does not know",
					     e->mark[i]->mask, e->mark[i]->mflags),
				"restore on a kernel that is not older than that of the dump");
			return;
		}
}

static int fanotify_check(struct restore *r, struct restore_file *f)
{
	const FanotifyFileEntry *e = f->entry->ffy;
	struct arena *a = restore_arena(r);
	int ret = event_check(r, f, e, e ? e->id : 0, e ? e->fown : NULL);
	const char **paths;

	if (ret < 0)
		return ret;
	check_kernel(r, f, e);
	f->priv = paths = arena_array(a, const char *, e->n_mark + 1);
	for (size_t i = 0; i < e->n_mark; i++) {
		const char *why;

		if (!makes_sense(e->mark[i]))
			return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
				       "files.img: mark %zu of fanotify %u makes no sense", i,
				       f->id);
		paths[i] = mark_path(r, e->mark[i], &why);
		if (!paths[i])
			report_refuse(&r->s->report, 0, arena_printf(a, "fanotify %u", f->id), why,
				      "bring it back");
	}
	return 0;
}

static bool is_privileged(const struct restore_task *t)
{
	const CredsEntry *c = t->core->thread_core ? t->core->thread_core->creds : NULL;

	return !c || !c->n_cap_prm || (c->cap_prm[0] & (1U << CAP_SYS_ADMIN));
}

/* Without the capability, as who had it not; it comes back. -1 with errno set. */
static int init_unprivileged(uint32_t flags, uint32_t event_flags)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct all[2], less[2];
	int fd, why;

	if (syscall(SYS_capget, &head, all) < 0)
		return -1;
	memcpy(less, all, sizeof(all));
	less[0].effective &= ~(1U << CAP_SYS_ADMIN);
	if (syscall(SYS_capset, &head, less) < 0)
		return -1;
	fd = fanotify_init(flags, event_flags);
	why = errno;
	if (syscall(SYS_capset, &head, all) < 0) {
		why = errno;
		close_fd(&fd);
	}
	errno = why;
	return fd;
}

static int fanotify_open(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	const FanotifyFileEntry *e = f->entry->ffy;
	const uint32_t flags = e->faflags;
	int fd = -1;

	if (!is_privileged(t))
		fd = init_unprivileged(flags, e->evflags);
	/* Made before the task gave the capability away. */
	if (fd < 0)
		fd = fanotify_init(flags, e->evflags);
	if (fd < 0)
		return err_sys(restore_err(t->r), "fanotify_init",
			       "can't make fanotify %u with the flags %x, %x%s", f->id, flags,
			       e->evflags,
			       errno == EPERM	 ? " (it takes CAP_SYS_ADMIN)"
			       : errno == EMFILE ? " (fs.fanotify.max_user_groups?)"
						 : "");
	/* FAN_CLOEXEC stays among the flags that fdinfo shows. */
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	*ret_fd = fd;
	return 0;
}

static int fanotify_attach(struct restore_task *t, struct restore_file *f, int fd)
{
	const FanotifyFileEntry *e = f->entry->ffy;
	int ret = event_set_flags(t, f, e->flags, fd);

	return ret < 0 ? ret : fown_attach(t, f, e->fown, e->flags, fd);
}

static uint32_t mark_type(const FanotifyMarkEntry *m, const char *path)
{
	if (m->ie)
		return FAN_MARK_INODE | (watched_by_link(path) ? 0 : FAN_MARK_DONT_FOLLOW);
	return m->mflags & FAN_MARK_FILESYSTEM ? FAN_MARK_FILESYSTEM : FAN_MARK_MOUNT;
}

/* What is ignored is a call of its own; how, stays with a mark that ignores nothing any more. */
static int add_ignored(const FanotifyMarkEntry *m, uint32_t type, const char *path, int fd)
{
	const uint32_t how = m->mflags & (FAN_MARK_IGNORE | FAN_MARK_IGNORED_SURV_MODIFY);
	const uint32_t kind = m->mflags & FAN_MARK_IGNORE ? 0 : FAN_MARK_IGNORED_MASK;
	const uint32_t mask = m->ignored_mask ? m->ignored_mask : FAN_MODIFY;

	if (!m->ignored_mask && !how)
		return 0;
	if (fanotify_mark(fd, FAN_MARK_ADD | type | how | kind, mask, AT_FDCWD, path) < 0)
		return -1;
	if (m->ignored_mask)
		return 0;
	return fanotify_mark(
		fd, FAN_MARK_REMOVE | (type & ~FAN_MARK_EVICTABLE) | kind | (how & FAN_MARK_IGNORE),
		mask, AT_FDCWD, path);
}

static int add_mark(const FanotifyMarkEntry *m, const char *path, int fd)
{
	uint32_t type = mark_type(m, path) | (m->mflags & FAN_MARK_EVICTABLE);

	if (m->mask && fanotify_mark(fd, FAN_MARK_ADD | type, m->mask, AT_FDCWD, path) < 0)
		return -1;
	return add_ignored(m, type, path, fd);
}

static int fanotify_watch(struct restore *r, struct restore_file *f, int fd)
{
	const FanotifyFileEntry *e = f->entry->ffy;
	const char **paths = f->priv;

	for (size_t i = e->n_mark; i-- > 0;)
		if (add_mark(e->mark[i], paths[i], fd) < 0)
			return err_sys(restore_err(r), "fanotify_mark",
				       "can't mark %s for fanotify %u (flags %x, masks %x, %x)%s",
				       paths[i], f->id, e->mark[i]->mflags, e->mark[i]->mask,
				       e->mark[i]->ignored_mask,
				       errno == ENOSPC ? " (fs.fanotify.max_user_marks)" : "");
	return 0;
}

const struct file_class fanotify_class = {
	.name = "fanotify",
	.type = FD_TYPES__FANOTIFY,
	.match = fanotify_match,
	.collect = fanotify_collect,
	.relate = fanotify_relate,
	.check = fanotify_check,
	.open = fanotify_open,
	.attach = fanotify_attach,
	.watch = fanotify_watch,
};
