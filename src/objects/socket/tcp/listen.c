/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening TCP sockets: the dump. Connections that wait to be accepted are tcp/waiting.c's. While
 * a tree is dumped that then ends, its listeners hear nobody (kernel/door.h): a connection that
 * came now would look good to its client, and be reset when the tree is killed; so it is tried
 * again a second later, when maybe the tree has been restored. A tree that goes on can accept them.
 */
#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "kernel/door.h"
#include "kernel/pidfd.h"
#include "kernel/sock_diag.h"
#include "objects/socket/inet/inet.h"

static void judge(struct dump *d, struct inet_dump *x, struct inet_out *s, uint32_t waiting)
{
	const struct options *o = d->s->opts;
	const char *why, *text = arena_printf(dump_arena(d), "has not accepted %u connection%s yet",
					      waiting, waiting == 1 ? "" : "s");

	if (!waiting || s->judged)
		return;
	s->judged = true;
	if (o->skip_in_flight || o->tcp_close)
		task_warn(s->task, s->object, text,
			  o->skip_in_flight ? "--skip-in-flight drops them"
					    : "--tcp-close drops them");
	else if (!o->tcp_established)
		task_refuse(s->task, s->object, text,
			    "keep them with --tcp-established, try again when it has, or drop them "
			    "with --skip-in-flight");
	else if ((why = tcp_waiting_unable(d, x, s)))
		task_refuse(s->task, s->object, arena_printf(dump_arena(d), "%s, %s", text, why),
			    "try again when it has, or drop them with --skip-in-flight");
	else
		s->waits = true;
}

struct held {
	uint16_t port;
	unsigned int n;
};

static int count_held(const struct nlmsghdr *h, void *data)
{
	const struct inet_diag_msg *msg = NLMSG_DATA(h);
	struct held *held = data;

	held->n += h->nlmsg_len >= NLMSG_LENGTH(sizeof(*msg)) &&
		   msg->idiag_state == INET_SYN_RECV && msg->id.idiag_sport == htons(held->port);
	return 0;
}

/* A client has a connection when it has heard of it, the listener maybe later: when data comes
 * (TCP_DEFER_ACCEPT), or when its queue has room again. Till then there is no socket to be kept. */
static int judge_held(struct dump *d, struct inet_dump *x, struct inet_out *s, int fd,
		      const struct tcp_info *info)
{
	struct held held = { .port = s->e->src_port };
	struct inet_diag_req_v2 req = { .sdiag_family = s->e->family,
					.sdiag_protocol = IPPROTO_TCP,
					.idiag_states = 1 << INET_SYN_RECV,
					.id.idiag_sport = htons(held.port) };
	bool dual = s->e->family == AF_INET6 && !s->e->v6only;
	int ret;

	if (!socket_int(fd, SOL_TCP, TCP_DEFER_ACCEPT, 0) &&
	    info->tcpi_unacked <= info->tcpi_sacked)
		return 0;
	ret = sock_diag_list(x->netlink, &req, sizeof(req), "list TCP sockets", count_held, &held,
			     dump_err(d));
	req.sdiag_family = AF_INET;
	if (ret == 0 && dual)
		ret = sock_diag_list(x->netlink, &req, sizeof(req), "list TCP sockets", count_held,
				     &held, dump_err(d));
	if (held.n)
		task_warn(s->task, s->object,
			  arena_printf(dump_arena(d),
				       "holds back %u connection%s (TCP_DEFER_ACCEPT, or a full "
				       "queue): %s reset when the client sends more",
				       held.n, held.n == 1 ? "" : "s",
				       held.n == 1 ? "it is" : "they are"),
			  "");
	return ret;
}

int tcp_listen_collect(struct dump *d, struct inet_dump *x, struct inet_out *s, int fd,
		       const struct tcp_info *info)
{
	s->e->backlog = info->tcpi_sacked;
	arena_push(dump_arena(d), x->listeners, x->n_listeners, s);
	judge(d, x, s, info->tcpi_unacked);
	return judge_held(d, x, s, fd, info);
}

static void open_doors(void *data)
{
	struct inet_dump *x = data;
	struct err err = { 0 };

	for (size_t i = 0; i < x->n_listeners; i++) {
		struct inet_out *s = x->listeners[i];
		_cleanup_fd_ int fd = -1;

		if (!s->shut)
			continue;
		s->shut = false;
		fd = pidfd_get(s->task->stop->pidfd, s->fd, &err);
		if (fd < 0 || door_open(fd) < 0)
			log_error("%s still has the filter by which it hears nobody", s->object);
	}
}

/* One with a filter of its own keeps that one. */
static int shut(struct dump *d, struct inet_dump *x, struct inet_out *s)
{
	_cleanup_fd_ int fd = tcp_borrow(d, s);
	struct tcp_info info;
	int ret;

	if (fd < 0)
		return fd;
	s->shut = door_shut(fd) == 0;
	ret = tcp_read_info(d, s, fd, &info);
	if (ret == 0)
		judge(d, x, s, info.tcpi_unacked);
	return ret;
}

int tcp_listen_settle(struct dump *d, struct inet_dump *x)
{
	const struct options *o = d->s->opts;
	int ret = 0;

	if (o->leave_running || o->network_lock >= LOCK_SKIP || !x->n_listeners)
		return 0;
	undo_push(&d->s->undo, open_doors, x);
	tcp_note_tasks(d, "door", x->listeners, x->n_listeners);
	for (size_t i = 0; ret == 0 && i < x->n_listeners; i++)
		ret = shut(d, x, x->listeners[i]);
	return ret;
}

void tcp_listen_leave(struct inet_dump *x)
{
	open_doors(x);
}
