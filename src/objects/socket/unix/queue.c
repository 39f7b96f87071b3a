/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits in the queues of unix sockets, read without taking it (MSG_PEEK).
 *
 * One call shows the first message, or, of a stream, all bytes up to a change of the sender or a
 * descriptor in flight; most streams are done with it. What is behind is shown by SO_PEEK_OFF
 * (Linux 3.4), in a child (apart.c). Nothing of it is done to a running tree (check -t).
 *
 * Descriptors in flight become the tool's own. Credentials are shown only where the socket asks for
 * them (SO_PASSCRED). A connection that was reset has an error to tell, which a look must not take:
 * an empty queue is not looked into then; of a seqpacket socket with messages it is lost to a tree
 * that goes on. An empty message at the end of a seqpacket queue that was shut down can't be told
 * from the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "objects/socket/unix/unix.h"

#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif
#define BUF_SIZE     (256u << 10)
#define PAGE	     65536u /* or a multiple of it */
#define CONTROL_SIZE 2048   /* 253 descriptors, credentials, a pidfd, time stamps */

static void drop_fds(struct unix_packet *k)
{
	for (size_t i = 0; i < k->n_fds; i++)
		close_fd(&k->fds[i]);
	free(k->fds);
	k->fds = NULL;
	k->n_fds = 0;
}

static void take_fds(struct unix_packet *k, const int *fds, size_t n)
{
	k->fds = malloc(n * (sizeof(*k->fds) + sizeof(*k->rights)));
	for (size_t i = 0; !k->fds && i < n; i++)
		close(fds[i]);
	if (!k->fds)
		return;
	memcpy(k->fds, fds, n * sizeof(*fds));
	k->rights = (uint32_t *)(k->fds + n);
	k->n_fds = n;
}

void unix_queue_free(struct unix_out *u)
{
	struct unix_packet *next;

	for (struct unix_packet *k = u->packets; k; k = next) {
		next = k->next;
		drop_fds(k);
		free(k);
	}
	u->packets = NULL;
	close_fd(&u->walk_fd);
}

static void take_control(struct msghdr *m, struct unix_packet *k)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t len = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_RIGHTS) {
			take_fds(k, (const int *)CMSG_DATA(c), len / sizeof(int));
		} else if (c->cmsg_type == SCM_CREDENTIALS && len >= sizeof(k->creds)) {
			memcpy(&k->creds, CMSG_DATA(c), sizeof(k->creds));
		} else if (c->cmsg_type == SCM_PIDFD && len >= sizeof(int)) {
			close(*(int *)CMSG_DATA(c));
		}
	}
}

void unix_queue_end(struct unix_dump *x)
{
	if (x->buf)
		munmap(x->buf, x->buf_size + PAGE);
	x->buf = NULL;
	x->buf_size = 0;
}

/* Behind it is a page that can't be written to. */
static bool grow(struct unix_dump *x, size_t size)
{
	char *more;

	if (size <= x->buf_size)
		return true;
	size = (size + PAGE - 1) & ~(size_t)(PAGE - 1);
	more = mmap(NULL, size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (more == MAP_FAILED)
		return false;
	mprotect(more + size, PAGE, PROT_NONE);
	unix_queue_end(x);
	x->buf = more;
	x->buf_size = size;
	return true;
}

static void append(struct unix_out *u, struct unix_packet *k)
{
	if (k->n_fds) {
		scm_entry__init(&k->scm);
		k->scm.type = SCM_RIGHTS;
		k->scms[0] = &k->scm;
		k->e.scm = k->scms;
		k->e.n_scm = 1;
	}
	*u->last = k;
	u->last = &k->next;
	u->seen += k->e.length;
}

/* A seqpacket socket that was shut down ends its queue with nothing, as an empty message is. */
static bool is_end(const struct unix_out *u)
{
	return u->e->type == SOCK_SEQPACKET && u->e->shutdown & SK_SHUTDOWN__READ &&
	       u->seen >= u->diag->rqueue;
}

/* One look, at up to max bytes. *ret_len: bytes in the message; -EAGAIN: there is none. -EMSGSIZE:
 * the buffer is too small, it has been made larger. */
static int look(struct unix_dump *x, struct unix_out *u, int fd, size_t max, size_t *ret_len)
{
	char control[CONTROL_SIZE] __attribute__((aligned(sizeof(size_t))));
	struct unix_packet head = { 0 }, *k;
	struct iovec iov;
	struct msghdr m = { .msg_name = &head.sender,
			    .msg_namelen = sizeof(head.sender),
			    .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	bool stream = unix_is_stream(u->e);
	ssize_t n;

	if (!grow(x, BUF_SIZE))
		return -ENOMEM;
	iov = (struct iovec){ x->buf, max < x->buf_size ? max : x->buf_size };
	do {
		n = recvmsg(fd, &m,
			    MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC | (stream ? 0 : MSG_TRUNC));
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == ECONNRESET && u->reset && !stream)
		n = recvmsg(fd, &m, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC | MSG_TRUNC);
	if (n < 0)
		return -errno;
	if (!n && (stream || is_end(u)))
		return -EAGAIN;
	sk_packet_entry__init(&head.e);
	take_control(&m, &head);
	u->truncated |= m.msg_flags & MSG_CTRUNC;
	k = (size_t)n > x->buf_size ? NULL : malloc(sizeof(*k) + n);
	if (!k) {
		drop_fds(&head);
		return grow(x, n) ? -EMSGSIZE : -ENOMEM;
	}
	memcpy(k, &head, sizeof(head));
	memcpy(k->data, x->buf, n);
	k->e.length = n;
	k->sender_len = m.msg_namelen > offsetof(struct sockaddr_un, sun_path) ? m.msg_namelen : 0;
	append(u, k);
	*ret_len = n;
	return 0;
}

/* What one look has shown is put away again. */
static void forget(struct unix_out *u)
{
	int walk = u->walk_fd;

	u->walk_fd = -1;
	unix_queue_free(u);
	u->walk_fd = walk;
	u->last = &u->packets;
	u->seen = 0;
}

static int note_walk(struct unix_dump *x, struct unix_out *u, int fd)
{
	u->walk_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (u->walk_fd < 0)
		return err_sys(dump_err(u->task->dump), "fcntl", "can't keep a copy of %s",
			       u->object);
	u->next_walk = x->walks;
	x->walks = u;
	return 0;
}

/* Copies for the walk, and descriptors in flight, are many where the tree has many. */
static void raise_limit(struct unix_dump *x)
{
	struct rlimit limit;

	if (x->limits_raised || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	x->limits_raised = true;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int unix_queue_look(struct unix_dump *x, struct unix_out *u, int fd)
{
	struct dump *d = u->task->dump;
	bool examining = d->examining;
	size_t len;
	int ret;

	raise_limit(x);
	/* A look would go on from there, and move it. */
	if (u->peek_off >= 0)
		return examining ? 0 : note_walk(x, u, fd);
	/* A look takes the error that is to be told: of a stream if it is empty, else always. */
	if (u->reset && (!u->diag->rqueue || (examining && !unix_is_stream(u->e))))
		return 0;
	do {
		ret = look(x, u, fd, SIZE_MAX, &len);
	} while (ret == -EMSGSIZE);
	if (ret == -EAGAIN && unix_is_stream(u->e) && u->diag->rqueue && !u->reset && !examining)
		return note_walk(x, u, fd); /* a byte out of band, alone */
	if (ret == -EAGAIN || ret == -EINVAL || ret == -ENOTCONN)
		return 0;
	if (ret < 0) {
		errno = -ret;
		return err_sys(dump_err(d), "recvmsg", "can't look into the queue of %s",
			       u->object);
	}
	if (examining || (unix_is_stream(u->e) && len == u->diag->rqueue && !u->packets->n_fds))
		return 0;
	/* An empty message is not shown once more, so this one is kept. */
	if (len)
		forget(u);
	return note_walk(x, u, fd);
}

/*
 * A stream shows plain bytes and those behind, which carry descriptors, as one: how many are plain?
 * The kernel copies message by message, and takes what a message carries when it is copied. So the
 * last byte is given no room: what came before is copied, the message itself fails.
 */
static size_t plain_bytes(struct unix_dump *x, struct unix_out *u, size_t at, size_t len)
{
	char control[CONTROL_SIZE] __attribute__((aligned(sizeof(size_t))));
	struct iovec iov = { x->buf + x->buf_size - (len - 1), len };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	struct unix_packet k = { 0 };
	ssize_t n;

	socket_set_peek_off(u->walk_fd, at);
	n = recvmsg(u->walk_fd, &m, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return 0;
	take_control(&m, &k);
	if (k.n_fds)
		n = 0;
	drop_fds(&k);
	return n;
}

static int look_at(struct unix_dump *x, struct unix_out *u, size_t at, size_t *ret_len)
{
	struct unix_packet **slot = u->last, *k;
	int ret = look(x, u, u->walk_fd, SIZE_MAX, ret_len);
	size_t plain = ret == 0 && unix_is_stream(u->e) && (*slot)->n_fds
			       ? plain_bytes(x, u, at, *ret_len)
			       : 0;

	if (ret < 0 || !(*slot)->n_fds)
		return ret;
	if (!plain)
		return socket_set_peek_off(u->walk_fd, at + *ret_len);
	k = *slot;
	drop_fds(k);
	free(k);
	*slot = NULL;
	u->last = slot;
	socket_set_peek_off(u->walk_fd, at);
	return look(x, u, u->walk_fd, plain, ret_len);
}

/* The byte that was sent out of band (Linux 5.15), and whether it is the first of all. */
static void look_for_urgent(struct unix_out *u, bool *ret_first)
{
	unsigned char byte;
	int first = 0;

	if (!unix_is_stream(u->e) ||
	    recv(u->walk_fd, &byte, 1, MSG_OOB | MSG_PEEK | MSG_DONTWAIT) != 1)
		return;
	u->has_urgent = true;
	u->urgent = byte;
	ioctl(u->walk_fd, SIOCATMARK, &first);
	*ret_first = first;
}

/* Behind the stop that it makes, looks show it among the others. */
static void take_urgent_out(struct unix_out *u, size_t total)
{
	size_t at = 0;

	if (!u->has_urgent || total != u->diag->rqueue)
		return;
	for (struct unix_packet **slot = &u->packets, *k; (k = *slot); slot = &k->next) {
		if (at != u->urgent_at || !k->e.length) {
			at += k->e.length;
			continue;
		}
		k->e.length--;
		memmove(k->data, k->data + 1, k->e.length);
		if (!k->e.length && !k->n_fds) {
			*slot = k->next;
			if (!*slot)
				u->last = slot;
			free(k);
		}
		return;
	}
}

static int walk_one(struct unix_dump *x, struct unix_out *u)
{
	int old = u->peek_off, ret;
	bool urgent_found = false;
	size_t at = 0, len;

	look_for_urgent(u, &urgent_found);

	ret = socket_set_peek_off(u->walk_fd, 0);
	fault_hold("helper-queue");
	while (ret == 0) {
		struct unix_packet **slot = u->last;

		ret = look_at(x, u, at, &len);
		if (ret == 0)
			at += len;
		/* A look stops before it, or behind descriptors. */
		if (ret == 0 && u->has_urgent && !urgent_found && !(*slot)->n_fds) {
			urgent_found = true;
			u->urgent_at = at;
		}
		if (ret == 0 && u->reset && at >= u->diag->rqueue)
			break;
		if (ret == -EMSGSIZE)
			ret = socket_set_peek_off(u->walk_fd, at);
	}
	socket_set_peek_off(u->walk_fd, old);
	take_urgent_out(u, at);
	return ret == -EAGAIN ? 0 : ret;
}

static void walk_all(void *data)
{
	struct unix_dump *x = data;

	for (struct unix_out *u = x->walks; u; u = u->next_walk)
		u->walk_errno = -walk_one(x, u);
}

static void put_back_all(void *data)
{
	const struct unix_dump *x = data;

	for (struct unix_out *u = x->walks; u; u = u->next_walk)
		socket_set_peek_off(u->walk_fd, u->peek_off);
}

int unix_queue_walk(struct dump *d, struct unix_dump *x)
{
	const struct apart work = { walk_all, put_back_all, x };
	int ret = socket_run_apart(d, &work);

	while (x->walks) {
		struct unix_out *u = x->walks;

		x->walks = u->next_walk;
		close_fd(&u->walk_fd);
		errno = u->walk_errno;
		if (ret == 0 && errno)
			ret = err_sys(dump_err(d), "recvmsg", "can't look into the queue of %s",
				      u->object);
	}
	return ret;
}
