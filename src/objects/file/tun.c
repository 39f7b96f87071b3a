/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors of /dev/net/tun: queues of a tun or tap device, or not attached to one yet. In
 * files.img such a file is two entries of one id, of the device node (REG) and of the queue (TUNF).
 *
 * The network device is the host's, where the tree is in the host's network namespace: its
 * addresses, routes and its settings stay with it, and a restored descriptor is attached to it
 * again. One that is not persistent ends with its last queue, thus with the dumped tree. So it is
 * made persistent as the tree ends, and is so no more when the restored tree stands.
 *
 * Packets that wait in a queue go with it. How device and queue are set up, TUNGETIFF tells.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/major.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "objects/file/file.h"

#define TUN_MINOR    200
#define STATUS_FLAGS (O_NONBLOCK | O_APPEND | O_NOATIME)
/* What TUNSETIFF takes of what TUNGETIFF tells. */
#define FLAGS_TAKEN                                                                                \
	(IFF_TUN | IFF_TAP | IFF_NAPI | IFF_NAPI_FRAGS | IFF_NO_PI | IFF_ONE_QUEUE |               \
	 IFF_VNET_HDR | IFF_MULTI_QUEUE | IFF_NOFILTER)

/* --- dump ----------------------------------------------------------------------------------------
 */

/* dump_file.priv: a device that would end with the tree. */
struct tun_out {
	const char *name;
	int fd; /* -1: it is persistent, or there is none */
};

static bool tun_match(const struct file_probe *p)
{
	return p->fd >= 0 && S_ISCHR(p->stat.st_mode) && !(p->info.flags & O_PATH) &&
	       p->stat.st_rdev == makedev(MISC_MAJOR, TUN_MINOR);
}

static bool is_of_own_netns(int fd)
{
	_cleanup_fd_ int ns = ioctl(fd, SIOCGSKNS);
	struct stat own, its;

	return ns < 0 || fstat(ns, &its) < 0 || stat("/proc/self/ns/net", &own) < 0 ||
	       its.st_ino == own.st_ino;
}

static void close_out(void *data)
{
	struct tun_out *out = data;

	close_fd(&out->fd);
}

static void collect_device(struct dump *d, struct dump_file *f, const struct file_probe *p,
			   const struct ifreq *req)
{
	CrtoolsTun *x = arena_msg(dump_arena(d), CrtoolsTun, crtools_tun);
	struct pollfd queue = { .fd = probe_local(p), .events = POLLIN };
	struct tun_out *out = f->priv;

	x->has_id = x->has_flags = true;
	x->id = f->entry->id;
	x->flags = req->ifr_flags & UINT16_MAX;
	extras_add(d)->tun = x;
	f->entry->tunf->netdev = arena_strdup(dump_arena(d), req->ifr_name);
	f->entry->tunf->has_detached = true;
	f->entry->tunf->detached = x->flags & IFF_DETACH_QUEUE;
	if (poll(&queue, 1, 0) > 0 && queue.revents & POLLIN)
		task_warn(p->task, probe_object(p), "has packets that were not read; they are lost",
			  "");
	if (x->flags & IFF_PERSIST)
		return;
	task_warn(p->task, probe_object(p),
		  arena_printf(dump_arena(d),
			       "the network device %s, which would end with the tree, is kept for "
			       "the restore",
			       req->ifr_name),
		  "without one, remove it: ip link delete");
	out->name = f->entry->tunf->netdev;
	out->fd = fcntl(probe_local(p), F_DUPFD_CLOEXEC, 0);
	undo_push(&d->s->undo, close_out, out);
}

static int add_node(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	RegFileEntry *e = arena_msg(dump_arena(d), RegFileEntry, reg_file_entry);
	int ret = fown_collect(d, p, &e->fown);

	e->id = f->entry->id;
	e->flags = p->info.flags & ~O_CLOEXEC;
	e->name = (char *)p->link.path;
	e->has_mode = true;
	e->mode = p->stat.st_mode;
	reg_add(d, e);
	return ret;
}

static int tun_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	TunfileEntry *e = arena_msg(dump_arena(d), TunfileEntry, tunfile_entry);
	struct tun_out *out = arena_new(dump_arena(d), struct tun_out);
	struct ifreq req = { 0 };

	*out = (struct tun_out){ .fd = -1 };
	f->priv = out;
	f->entry->tunf = e;
	e->id = f->entry->id;
	e->has_ns_id = p->task->ids && p->task->ids->has_net_ns_id;
	e->ns_id = e->has_ns_id ? p->task->ids->net_ns_id : 0;
	if (!is_of_own_netns(probe_local(p))) {
		task_refuse(
			p->task, probe_object(p),
			"is of a tun or tap device of another network namespace than the tool's",
			"close it before the dump");
		return 0;
	}
	if (ioctl(probe_local(p), TUNGETIFF, &req) == 0)
		collect_device(d, f, p, &req);
	else if (errno != EBADFD) /* it is not attached */
		return err_sys(dump_err(d), "ioctl", "can't read the device of %s",
			       probe_object(p));
	return add_node(d, f, p);
}

/* Now the tree ends, and the device with it. */
static void tun_leave(struct dump *d, struct dump_file *f, bool killed)
{
	const struct tun_out *out = f->priv;

	(void)d;
	if (killed && out->fd >= 0 && ioctl(out->fd, TUNSETPERSIST, 1) < 0)
		log_warn("can't keep the network device %s: %s", out->name, strerror(errno));
}

/* --- restore -------------------------------------------------------------------------------------
 */

/* restore_file.priv */
struct tun_in {
	const RegFileEntry *node;
	uint32_t flags;
	int fd; /* in the tool, of a device that was not persistent; -1 */
};

static const char *object_of(struct restore *r, const struct restore_file *f)
{
	return arena_printf(restore_arena(r), "tun file %u", f->id);
}

static const RegFileEntry *node_of(const struct restore *r, uint32_t id)
{
	for (size_t i = 0; i < r->n_files; i++)
		if (r->files[i]->id == id && r->files[i]->entry->reg)
			return r->files[i]->entry->reg;
	return NULL;
}

static void check_device(struct restore *r, const struct restore_file *f, const struct tun_in *in)
{
	const char *name = f->entry->tunf->netdev;
	bool tap = in->flags & IFF_TAP;

	if (!name || if_nametoindex(name))
		return;
	report_refuse(&r->s->report, 0, object_of(r, f),
		      arena_printf(restore_arena(r),
				   "is of the network device %s, which is not here", name),
		      arena_printf(restore_arena(r), "make it: ip tuntap add %s mode %s", name,
				   tap ? "tap" : "tun"));
}

static int tun_check(struct restore *r, struct restore_file *f)
{
	const TunfileEntry *e = f->entry->tunf;
	const CrtoolsFileEntry *x = extras_own(r, f->id);
	struct tun_in *in = arena_new(restore_arena(r), struct tun_in);

	*in = (struct tun_in){ .node = node_of(r, f->id), .fd = -1 };
	if (!e || !in->node || !in->node->fown ||
	    (e->netdev && (!e->netdev[0] || strlen(e->netdev) >= IFNAMSIZ)))
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "files.img: the entries of tun file %u make no sense", f->id);
	in->flags = x && x->tun ? x->tun->flags : 0;
	f->priv = in;
	if (e->netdev && !in->flags)
		report_refuse(&r->s->report, 0, object_of(r, f),
			      "is of a network device whose flags are in the images of its "
			      "namespace, which this version does not restore",
			      "");
	fown_check(r, f, in->node->fown, object_of(r, f));
	check_device(r, f, in);
	return 0;
}

static int failed(struct restore_task *t, const struct restore_file *f, const char *call)
{
	const char *name = f->entry->tunf->netdev;

	return err_sys(restore_err(t->r), call, "can't open tun file %u of the network device %s",
		       f->id, name ? name : "that it has not");
}

static int attach_queue(struct restore_task *t, const struct restore_file *f, int fd)
{
	const struct tun_in *in = f->priv;
	const TunfileEntry *e = f->entry->tunf;
	struct ifreq req = { .ifr_flags = in->flags & FLAGS_TAKEN };

	if (!e->netdev)
		return 0;
	memcpy(req.ifr_name, e->netdev, strlen(e->netdev));
	if (ioctl(fd, TUNSETIFF, &req) < 0)
		return failed(t, f, "TUNSETIFF");
	req.ifr_flags = IFF_DETACH_QUEUE;
	if (e->has_detached && e->detached && ioctl(fd, TUNSETQUEUE, &req) < 0)
		return failed(t, f, "TUNSETQUEUE");
	return 0;
}

static int tun_open(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	const struct tun_in *in = f->priv;
	_cleanup_fd_ int fd =
		open(in->node->name, O_RDWR | O_CLOEXEC | (in->node->flags & STATUS_FLAGS));
	int ret;

	if (fd < 0)
		return failed(t, f, "open");
	ret = attach_queue(t, f, fd);
	if (ret == 0)
		*ret_fd = TAKE_FD(fd);
	return ret;
}

static int tun_attach(struct restore_task *t, struct restore_file *f, int fd)
{
	const struct tun_in *in = f->priv;

	return fown_attach(t, f, in->node->fown, in->node->flags, fd);
}

static int tun_watch(struct restore *r, struct restore_file *f, int fd)
{
	struct tun_in *in = f->priv;

	(void)r;
	if (f->entry->tunf->netdev && !(in->flags & IFF_PERSIST))
		in->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return 0;
}

/* Not before: a restore that fails can be tried again. */
static void tun_finish(struct restore *r, struct restore_file *f)
{
	struct tun_in *in = f->priv;

	(void)r;
	if (in->fd >= 0 && ioctl(in->fd, TUNSETPERSIST, 0) < 0)
		log_warn("the network device %s stays when the tree ends: %s",
			 f->entry->tunf->netdev, strerror(errno));
	close_fd(&in->fd);
}

const struct file_class tun_class = {
	.name = "tun file",
	.type = FD_TYPES__TUNF,
	.match = tun_match,
	.collect = tun_collect,
	.leave = tun_leave,
	.check = tun_check,
	.open = tun_open,
	.attach = tun_attach,
	.watch = tun_watch,
	.finish = tun_finish,
};
