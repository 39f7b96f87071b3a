/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets between a virtual machine and its host (vsock(7)). Their connections have their other end
 * in the hypervisor, or in another machine, which can't be dumped along: they are refused. What has
 * none is kept: new, bound and listening sockets, with their options. How long the queue of a
 * listener may get is not shown; the restored one takes as much as the host lets.
 *
 * CRIU does not know this family; the entry is in crtools-files.img.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <linux/vm_sockets.h>

#include "base/cleanup.h"
#include "objects/socket/socket.h"

#define STATUS_FLAGS (O_NONBLOCK | O_APPEND | O_NOATIME)

/* --- dump ----------------------------------------------------------------------------------------
 */

static bool vsock_match(const struct file_probe *p)
{
	return socket_is(p, AF_VSOCK);
}

static void judge_connection(const struct file_probe *p)
{
	struct sockaddr_vm peer = { 0 };
	socklen_t len = sizeof(peer);

	if (getpeername(probe_local(p), (struct sockaddr *)&peer, &len) == 0)
		task_refuse(
			p->task, probe_object(p),
			arena_printf(dump_arena(p->task->dump),
				     "is a vsock connection to machine %u, port %u, which holds "
				     "its other end",
				     peer.svm_cid, peer.svm_port),
			"close it before the dump");
}

static void judge_listener(struct dump *d, const struct file_probe *p)
{
	struct pollfd queue = { .fd = probe_local(p), .events = POLLIN };
	const char *text = "has not accepted a vsock connection yet, which no descriptor leads to";

	if (poll(&queue, 1, 0) <= 0 || !(queue.revents & POLLIN))
		return;
	if (d->s->opts->skip_in_flight)
		task_warn(p->task, probe_object(p), text, "--skip-in-flight drops it");
	else
		task_refuse(p->task, probe_object(p), text,
			    "try again when it has, or drop it with --skip-in-flight");
}

static int vsock_collect(struct dump *d, struct dump_file *f, const struct file_probe *p)
{
	CrtoolsVsock *e = arena_msg(dump_arena(d), CrtoolsVsock, crtools_vsock);
	struct sockaddr_vm own = { 0 };
	socklen_t len = sizeof(own);
	int ret;

	if (getsockname(probe_local(p), (struct sockaddr *)&own, &len) < 0)
		return err_sys(dump_err(d), "getsockname", "can't read the address of %s",
			       probe_object(p));
	e->has_id = e->has_type = e->has_flags = e->has_cid = e->has_port = e->has_listening = true;
	e->id = f->entry->id;
	e->type = socket_int(probe_local(p), SOL_SOCKET, SO_TYPE, SOCK_STREAM);
	e->flags = p->info.flags & ~O_CLOEXEC;
	e->cid = own.svm_cid;
	e->port = own.svm_port;
	e->listening = socket_int(probe_local(p), SOL_SOCKET, SO_ACCEPTCONN, 0);
	extras_add(d)->vsock = e;
	ret = socket_options_collect(d, f, p, e->type, 0, &e->opts);
	if (ret == 0)
		ret = fown_collect(d, p, &e->fown);
	if (e->listening)
		judge_listener(d, p);
	else
		judge_connection(p);
	return ret;
}

/* --- restore -------------------------------------------------------------------------------------
 */

static const char *object_of(struct restore *r, const struct restore_file *f)
{
	return arena_printf(restore_arena(r), "vsock socket %u", f->id);
}

static const CrtoolsVsock *entry_of(struct restore *r, const struct restore_file *f)
{
	const CrtoolsFileEntry *x = extras_own(r, f->id);

	return x ? x->vsock : NULL;
}

static int bind_port(const CrtoolsVsock *e, int fd)
{
	struct sockaddr_vm own = { .svm_family = AF_VSOCK, .svm_cid = e->cid, .svm_port = e->port };

	if (e->port == VMADDR_PORT_ANY)
		return 0;
	return bind(fd, (struct sockaddr *)&own, sizeof(own)) < 0 ? -errno : 0;
}

static void check_here(struct restore *r, const struct restore_file *f, const CrtoolsVsock *e)
{
	_cleanup_fd_ int fd = socket(AF_VSOCK, e->type | SOCK_CLOEXEC, 0);
	int ret = fd < 0 ? -errno : bind_port(e, fd);
	const char *text;

	if (ret == 0)
		return;
	text = fd < 0 ? "is of the family AF_VSOCK, which this machine has not"
	       : ret == -EADDRINUSE
		       ? arena_printf(restore_arena(r),
				      "is bound to port %u, which another socket has", e->port)
		       : arena_printf(restore_arena(r),
				      "is bound to machine %u, port %u, which can't be had here",
				      e->cid, e->port);
	report_refuse(&r->s->report, 0, object_of(r, f), text,
		      fd < 0		   ? "load the module that has it (vsock)"
		      : ret == -EADDRINUSE ? "end the program that has it"
					   : "restore it in a machine with that number");
}

static int vsock_check(struct restore *r, struct restore_file *f)
{
	const CrtoolsVsock *e = entry_of(r, f);
	int ret;

	if (!e || !e->fown ||
	    (e->type != SOCK_STREAM && e->type != SOCK_SEQPACKET && e->type != SOCK_DGRAM))
		return err_set(restore_err(r), ERR_IMAGE_CORRUPT, EINVAL,
			       "crtools-files.img: the entry of vsock socket %u is missing, or "
			       "makes no sense",
			       f->id);
	fown_check(r, f, e->fown, object_of(r, f));
	ret = socket_options_check(r, f, e->opts);
	if (ret == 0)
		check_here(r, f, e);
	return ret;
}

static int failed(struct restore_task *t, const struct restore_file *f, const char *call)
{
	const CrtoolsVsock *e = entry_of(t->r, f);

	return err_sys(restore_err(t->r), call, "can't make vsock socket %u of machine %u, port %u",
		       f->id, e->cid, e->port);
}

static int vsock_open(struct restore_task *t, struct restore_file *f, int *ret_fd)
{
	const CrtoolsVsock *e = entry_of(t->r, f);
	_cleanup_fd_ int fd = socket(AF_VSOCK, e->type | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return failed(t, f, "socket");
	ret = socket_options_early(t, f, e->opts, AF_VSOCK, fd);
	if (ret < 0)
		return ret;
	if (bind_port(e, fd) < 0)
		return failed(t, f, "bind");
	if (e->listening && listen(fd, SOMAXCONN) < 0)
		return failed(t, f, "listen");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int vsock_attach(struct restore_task *t, struct restore_file *f, int fd)
{
	const CrtoolsVsock *e = entry_of(t->r, f);
	int ret = socket_options_late(t, f, e->opts, AF_VSOCK, fd);

	if (ret == 0 && e->flags & STATUS_FLAGS && fcntl(fd, F_SETFL, e->flags & STATUS_FLAGS) < 0)
		ret = failed(t, f, "fcntl");
	return ret < 0 ? ret : fown_attach(t, f, e->fown, e->flags, fd);
}

const struct file_class vsock_class = {
	.name = "vsock socket",
	.type = FD_TYPES__CRTOOLS_VSOCK,
	.match = vsock_match,
	.collect = vsock_collect,
	.check = vsock_check,
	.open = vsock_open,
	.attach = vsock_attach,
};
